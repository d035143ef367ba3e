#!/bin/sh
# test/images/crash breaks one rule after the other: each ends in a report that
# names the rule or the memory, the fiber, its scope and the function, and in 134.
set -u
cd "$(dirname "$0")/.." || exit 1
pith=$PWD/build/pith image=$PWD/build/test/crash.pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
bad=0

ok() { echo "ok crash: $1"; }
not_ok() {
    echo "not ok crash: $1"
    sed 's/^/# /' "$out"
    bad=1
}
broken() { # HOW WORDS: a report with WORDS in its first line
    "$pith" run "$image" --how "$1" >"$out" 2>&1
    code=$?
    if [ $code = 134 ] && head -n 1 "$out" | grep -q "^pith: crash crashed: .*$2" &&
        grep -q '^  fiber    breaker, in scope inner < ' "$out" &&
        grep -q "^  at  .*${3:-boundary}+0x" "$out" && grep -q '^  from  .*fiber_start' "$out" &&
        grep -q '^  image    crash, build id [0-9a-f]\{40\}, at 0x' "$out"; then
        ok "$1"
    else
        not_ok "$1 (exit code $code)"
    fi
}

broken bounds 'outside of a view, span or array'
broken overflow 'subtraction overflow'
broken must 'a stated fact was false'
broken cfi 'control flow integrity'
broken null 'read of 0x8, no memory: a null pointer'
broken wild "write to 0x123456789000, nothing of the image's"
broken impossible 'an address that no memory can have'
broken text 'write to 0x[0-9a-f]*, the code: [a-z_]*+'
broken constant 'write to 0x[0-9a-f]*, read-only data: constants+'
broken execute 'jump to 0x[0-9a-f]*, data: table+' table
broken stack "the guard page of this fiber's stack" deeper
grep -q '… [0-9]* times more' "$out" && grep -q 'from .*boundary+' "$out" &&
    ok 'a recursion is told in one line' || not_ok 'a recursion is told in one line'

"$pith" run "$image" --how canary >"$out" 2>&1
[ $? = 134 ] && grep -q 'stack overwritten' "$out" && grep -q 'from .*overwrite_stack' "$out" &&
    ok canary || not_ok canary
"$pith" run "$image" --how host >"$out" 2>&1
[ $? = 134 ] && grep -q 'in what the host was asked to do' "$out" && ok 'a bad pointer to the host' ||
    not_ok 'a bad pointer to the host'

id=$(readelf -n "$image" 2>/dev/null | sed -n 's/.*Build ID: //p')
grep -q "build id $id," "$out" && ok 'the build id is that of the file' ||
    not_ok 'the build id is that of the file'

# ---- from outside
"$pith" run "$image" --how forever >"$out" 2>&1 &
pid=$!
sleep 0.2
kill -SEGV $pid
wait $pid
[ $? = 134 ] && grep -q 'sent a signal by another process' "$out" && grep -q 'at .*boundary+' "$out" &&
    ok 'a signal sent to it' || not_ok 'a signal sent to it'

cut_short() { # HOST: somebody writes another image over the file of one that runs
    cp "$image" "$tmp/cut.pith"
    "$pith" run "$tmp/cut.pith" --how stop --host "$1" >"$out" 2>&1 &
    pid=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do grep -q waiting "$out" || sleep 0.2; done
    truncate -s 4096 "$tmp/cut.pith"
    kill $pid
    wait $pid
    [ $? = 134 ] && grep -q 'a file it runs from was cut short' "$out" &&
        grep -q '^  image    crash, at' "$out"
}
for host in process kvm; do
    if [ $host = kvm ] && [ ! -w /dev/kvm ]; then
        echo "skip crash: a file that is cut short, on kvm: there is no /dev/kvm to write to"
    else
        cut_short $host && ok "a file that is cut short, on $host" ||
            not_ok "a file that is cut short, on $host"
    fi
done

# ---- core files
case $(cat /proc/sys/kernel/core_pattern) in
*/* | \|*) echo "skip crash: core files: the system writes them elsewhere" ;;
*)
    (cd "$tmp" && ulimit -c unlimited && exec "$pith" run "$image" --how bounds --core) >"$out" 2>&1
    code=$?
    core=$(find "$tmp" -name 'core*' | head -n 1)
    if [ $code = 132 ] && [ -n "$core" ] && head -n 1 "$out" | grep -q 'crashed'; then
        ok 'a core file on request, after the report'
    else
        not_ok "a core file on request, after the report (exit code $code)"
    fi
    rm -f "$tmp"/core*
    (cd "$tmp" && ulimit -c unlimited && exec "$pith" run "$image" --how bounds) >"$out" 2>&1
    [ -z "$(find "$tmp" -name 'core*')" ] && ok 'no core file otherwise' || not_ok 'no core file otherwise'
    ;;
esac
exit $bad
