#!/bin/sh
# Nothing is left behind: no process, no file, no interface in use, no memory of the
# kernel's, whenever whoever runs an appliance is killed, and after a thousand starts.
. test/net_lib.sh

pith=$PWD/build/pith
hosts=process
[ ! -w /dev/kvm ] && skip "leaves: there is no /dev/kvm to write to" || hosts="$hosts kvm"
leaves() { python3 test/leaves.py "$@" || net_failed=1; }
# passt is not ours: it has been seen to stay by itself (test/user_test.sh), so it gets three tries.
passt_leaves() {
    for round in 1 2 3; do
        python3 test/leaves.py "$@" >"$net_tmp/said" && break
        sed 's/^\(not \)*ok/# &/' "$net_tmp/said"
    done
    tail -n 1 "$net_tmp/said" | grep -q '^ok ' || net_failed=1
    tail -n 1 "$net_tmp/said"
}
tap_leaves() { in_net python3 test/leaves.py "$@" || net_failed=1; }

for host in $hosts; do
    leaves starts leaves_1000_starts_on_$host 1000 "$pith" run hello --host $host
    leaves kill leaves_killed_hello_on_$host 200 4 "$pith" run hello --host $host
    passt_leaves kill leaves_killed_echo_with_passt_on_$host 30 60 "$pith" run echo --host $host --net user
done
if command -v qemu-system-x86_64 >/dev/null; then
    passt_leaves kill leaves_killed_echo_in_qemu 15 600 "$pith" run echo --host qemu --accel tcg --net user
else
    skip "leaves: there is no QEMU"
fi

net_up leaves
interfaces() { ip -n "$net_name" -br link | cut -d' ' -f1 | sort; }
before=$(interfaces)
truncate -s 1M "$net_tmp/disk.img"
for host in $hosts; do
    tap_leaves kill leaves_killed_echo_with_tap_on_$host 100 10 \
        "$pith" run echo --host $host --net tap:tap0 --ip 10.9.0.2/24
    tap_leaves kill leaves_killed_disk_on_$host 50 10 \
        "$pith" run build/test/disk.pith --host $host --disk "$net_tmp/disk.img"
    pith_host=$host start_pith echo
    check leaves_tap_free_after_kills_on_$host wait_for 50 \
        in_net python3 test/echo_client.py tcp 10.9.0.2 7 10
    stop_pith
    check leaves_stops_on_$host [ "$pith_status" = 0 ]
done
check leaves_interfaces_as_they_were [ "$(interfaces)" = "$before" ]
finish
