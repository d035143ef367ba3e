#!/bin/sh
# What an image cannot do even if it breaks its own rules: test/images/escape makes
# system calls of its own, which end it. And that no other image has a way to try.
set -u
cd "$(dirname "$0")/.." || exit 1
pith=$PWD/build/pith escape=build/test/escape.pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
bad=0

ok() { echo "ok sandbox: $1"; }
not_ok() {
    echo "not ok sandbox: $1"
    sed 's/^/# /' "$out"
    bad=1
}
try() { timeout 10 "$pith" run "$escape" "$@" >"$out" 2>&1; }
ended() { # NAME KEYS…: with a report
    name=$1
    shift
    try "$@"
    code=$?
    if [ $code = 134 ] && ! grep -q 'still here' "$out" &&
        grep -q 'crashed: a system call of its own' "$out"; then
        ok "$name ends in a report"
    else
        not_ok "$name ends in a report (exit code $code)"
    fi
}
passes() { # NAME KEYS…
    name=$1
    shift
    if try "$@" && grep -q 'still here' "$out"; then ok "$name passes"; else not_ok "$name passes"; fi
}

ended 'open' --call 2 --b 1
ended 'openat' --call 257 --b 1
ended 'socket' --call 41 --a 2 --b 1
ended 'fork' --call 57
ended 'execve' --call 59
ended 'kill' --call 62
ended 'ptrace' --call 101
ended 'ioctl on a device' --call 16 --a 4
ended 'mmap' --call 9 --b 4096 --c 7
ended 'mprotect to executable' --call 10 --c 5
ended 'mprotect to writable' --call 10 --c 3
ended 'read of a descriptor that is no device' --call 0 --a 1
ended 'read of a descriptor past the devices' --call 0 --a 8
ended 'write to a descriptor past the last' --call 1 --a 12
ended 'an x32 system call' --call 1073741825 --a 1
passes 'mprotect to nothing' --call 10
ended 'madvise to anything but a guard' --call 28 --c 4
passes 'the clock' --call 228

# Every number there is, with zeroes: how many are let through? (ppoll would sleep.)
through=1
for call in $(seq 0 270) $(seq 272 470); do
    try --call "$call" 2>/dev/null
    [ $? = 134 ] || through=$((through + 1))
done
: >"$out"
[ "$through" -ge 5 ] && [ "$through" -le 12 ] && ok "at most 12 system calls are allowed" ||
    not_ok "at most 12 system calls are allowed ($through are)"

# ---- seen from outside, while one runs
mkfifo "$tmp/said"
exec 9<>"$tmp/said"
"$pith" run build/test/crash.pith --how stop >"$tmp/said" 2>&1 9<&- &
pid=$!
read -r line <"$tmp/said"
cp /proc/$pid/status "$out"
[ "$line" = waiting ] && grep -q '^NoNewPrivs:.1' "$out" && ok 'no new privileges' ||
    not_ok 'no new privileges'
grep -q '^Seccomp:.2' "$out" && ok 'a filter is on' || not_ok 'a filter is on'
ls -l /proc/$pid/fd >"$out"
[ "$(ls /proc/$pid/fd | grep -vcx '[012]')" = 0 ] && ok 'no descriptor is left open' ||
    not_ok 'no descriptor is left open'
cat /proc/$pid/limits >"$out"
grep -q 'Max processes *0 *0' "$out" && grep -q 'Max core file size *0 *0' "$out" && ok 'limits' ||
    not_ok 'limits'
cat /proc/$pid/maps >"$out"
grep -q ' .w.p\| .wxp' "$out" && ! grep -q ' .wx' "$out" && ok 'no page is writable and executable' ||
    not_ok 'no page is writable and executable'
kill $pid
wait $pid
exec 9<&-

# ---- what images contain
calls='syscall|sysenter|sysret[lq]?|int|into|iret[lq]?|vmcall|vmmcall'
ports='in[bwl]?|out[bwl]?|ins[bwl]|outs[bwl]|hlt|cli|sti'
machine='lgdt[lq]?|lidt[lq]?|lldtw?|ltrw?|rdmsr|wrmsr|invlpg|invd|wbinvd|swapgs|clts|lmsww?|xsetbv'
forbidden="[[:space:]]($calls|$ports|$machine)([[:space:]]|\$)|%(cr|dr)[0-9]"
disassemble() { llvm-objdump-19 -d --no-show-raw-insn "$1" | grep -E '^ *[0-9a-f]+:'; }
for image in build/*.pith build/test/crash.pith; do
    [ $image != build/selfattack.pith ] || continue # whose purpose they are
    disassemble "$image" | grep -E "$forbidden" >"$out"
    if [ -s "$out" ]; then
        not_ok "$image has a forbidden instruction"
    else
        ok "$image has no forbidden instruction"
    fi
done
disassemble "$escape" | grep -E "$forbidden" >"$out"
grep -q syscall "$out" && ok 'one is found where there is one' || not_ok 'one is found where there is one'
exit $bad
