#!/bin/sh
# Disks of appliances: what is written stays, from host to host and as seen from outside;
# the threads that serve one have no more than it; and what can be wrong with --disk.
. test/net_lib.sh

pith=$PWD/build/pith
disk=build/test/disk.pith
file=$net_tmp/disk.img
out=$net_tmp/said
truncate -s 19M "$file"

# ---- what is written stays
outside() { # SEED: the same pattern, as this machine sees the file
    python3 - "$file" "$1" <<'PYTHON'
import struct
import sys

with open(sys.argv[1], "rb") as f:
    data = f.read()
seed, mask = int(sys.argv[2]), (1 << 64) - 1
sys.exit(any(word != (8 * i * 0x9E3779B97F4A7C15 + seed) & mask
             for i, (word,) in enumerate(struct.iter_unpack("<Q", data))))
PYTHON
}
seed=1
hosts=process
[ ! -w /dev/kvm ] && skip "disk: there is no /dev/kvm to write to" || hosts="$hosts kvm"
command -v qemu-system-x86_64 >/dev/null && hosts="$hosts microvm q35" || skip "disk: there is no QEMU"
on() { # HOST ARGS …: runs it there
    case $1 in
    microvm | q35) host="--host qemu --accel tcg --machine $1" ;;
    *) host="--host $1" ;;
    esac
    shift
    # shellcheck disable=SC2086 # words of their own
    run "$@" $host
}
refuses_to_fill() { ! on "$1" --disk "ro:$file" && grep -q unsupported "$out"; }
run() { timeout 60 "$pith" run "$disk" "$@" >"$out" 2>&1; }
for h in $hosts; do
    seed=$((seed + 1))
    check disk_of_${h}_is_filled on $h --disk "$file" --seed $seed
    check disk_of_${h}_is_right_from_outside outside $seed
    for reader in $hosts; do
        check disk_of_${h}_is_read_by_$reader on $reader --disk "$file" --how check --seed $seed
    done
    check disk_of_${h}_is_not_written_to refuses_to_fill $h
    check disk_of_${h}_is_as_before outside $seed
done

# ---- who serves it
mkfifo "$net_tmp/fifo"
exec 9<>"$net_tmp/fifo"
"$pith" run "$disk" --disk "$file" --how wait >"$net_tmp/fifo" 2>&1 9<&- &
pith_pid=$!
read -r line <"$net_tmp/fifo"
sandboxed() {
    threads=0
    for t in /proc/$pith_pid/task/*/status; do
        grep -q '^NoNewPrivs:.1' "$t" && grep -q '^Seccomp:.2' "$t" || return 1
        threads=$((threads + 1))
    done
    [ "$threads" -gt 1 ]
}
check disk_says_waiting [ "$line" = waiting ]
check disk_threads_are_sandboxed sandboxed
refuses() { # WORDS ARGS …: says so in one line, and 1 or 2
    words=$1
    shift
    timeout 10 "$pith" run "$@" >"$out" 2>&1
    code=$?
    { [ $code = 1 ] || [ $code = 2 ]; } && grep -q -- "$words" "$out"
}
check disk_in_use refuses 'in use by another' "$disk" --disk "$file"
check disk_in_use_for_a_reader refuses 'in use by another' "$disk" --disk "ro:$file"
kill $pith_pid
wait $pith_pid
check disk_waits_for_a_stop [ $? = 0 ]
pith_pid=
"$pith" run "$disk" --disk "$file" --how wait >"$net_tmp/fifo" 2>&1 9<&- &
pith_pid=$!
read -r line <"$net_tmp/fifo"
kill -9 $pith_pid
wait $pith_pid 2>/dev/null
pith_pid=
check disk_is_free_after_sigkill run --disk "$file" --how check --seed $seed

# ---- what can be wrong
check disk_missing refuses 'name a file for store, with --disk' "$disk"
check disk_not_there refuses 'truncate -s' "$disk" --disk "$net_tmp/none"
check disk_is_no_disk refuses 'neither a file nor' "$disk" --disk /dev/null
: >"$net_tmp/empty"
check disk_of_no_bytes refuses 'no room' "$disk" --disk "$net_tmp/empty"
check disk_is_a_directory refuses 'directory' "$disk" --disk "$net_tmp"
check disk_is_a_pipe refuses 'neither a file nor' "$disk" --disk "$net_tmp/fifo"
check disk_twice refuses 'given more often' "$disk" --disk "$file" --disk "$file"
check disk_for_none refuses 'has no disk' hello --disk "$file"
finish
