#!/bin/sh
# The same image file on the metal host: in QEMU's machines microvm (virtio-mmio) and q35
# (virtio-pci), translated (TCG), with what `pith pack` makes and clients of the kernel's.
. test/net_lib.sh

pith_host=qemu
pith=$PWD/build/pith
out=$net_tmp/said
if ! command -v qemu-system-x86_64 >/dev/null; then
    skip 'metal: qemu-system-x86_64 is not installed (Debian: qemu-system-x86)'
    exit 0
fi

# ---- the keel's bounds
lines=$(cat host/metal/keel/* | wc -l)
check "metal_keel_is_at_most_1500_lines ($lines)" [ "$lines" -le 1500 ]
bytes=0
sections() { readelf -SW build/metal/metal.debug | sed 's/\[ *[0-9]*\]//'; }
for n in $(sections | awk '/^ *\.keel(\.data)? / { print $5 }'); do
    bytes=$((bytes + 0x$n))
done
check "metal_keel_is_at_most_16_kib ($bytes bytes)" [ "${bytes:-99999}" -le 16384 ]

sum() { sha256sum "$1" | cut -c1-64; }
image=$(sum build/hello.pith)
on() { # MACHINE COMMAND …
    machine=$1
    shift
    timeout 30 "$pith" "$@" --host qemu --accel tcg --machine "$machine"
}

# ---- hello, ends and reports
for machine in microvm q35; do
    on $machine run hello >"$out" 2>&1
    check "metal_${machine}_hello" grep -qx 'hello, world' "$out"
    on $machine run build/test/crash.pith --how nothing >"$out" 2>&1
    check "metal_${machine}_exit_code" [ $? = 1 ]
done
check "metal_image_is_the_same (sha256 $image)" [ "$(sum build/hello.pith)" = "$image" ]
on microvm run build/test/crash.pith --how bounds >"$out" 2>&1
code=$?
check metal_crash_is_134 [ $code = 134 ]
check metal_crash_report grep -q '^  at .*image+0x' "$out"

# ---- much memory, which lies above the addresses of devices, and with which a start takes
# long; the host's is not taken, since what reads as zeros stays as it is
sleeps() { # MACHINE: for two seconds
    on "$1" run build/test/crash.pith --how sleep --mem 9g | timeout 60 python3 -c '
import sys, time
if sys.stdin.readline() != "sleeping\n":
    sys.exit("not started")
start = time.monotonic()
sys.exit(sys.stdin.readline() != "slept\n" or not 1.8 < time.monotonic() - start < 3)'
}
for machine in microvm q35; do
    on $machine run hello --mem 2500m >"$out" 2>&1
    check "metal_${machine}_hello_with_2500_mib" grep -qx 'hello, world' "$out"
    if [ "$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)" -gt 14000000 ]; then
        check "metal_${machine}_keeps_time_after_a_long_start" sleeps $machine
    else
        skip "metal_${machine}_keeps_time: a start with little memory does not take long"
    fi
done

# ---- the network of an ordinary user, through passt and pith's relay
answers() { timeout 20 python3 test/echo_client.py tcp 127.0.0.1 "$port" "$1"; }
over_user() { # MACHINE
    port=$((21000 + $$ % 10000))
    start_user echo --accel tcg --machine "$1" -p "$port:7" -p "$port:7/udp" --pcap "$net_tmp/$1.pcap"
    check "metal_${1}_echo" wait_for 100 answers 10
    check "metal_${1}_echo_1_mib" answers 1048576
    check "metal_${1}_echo_udp" python3 test/echo_client.py udp 127.0.0.1 "$port" -8000
    stop_pith
    check "metal_${1}_stops_at_sigterm" [ "$pith_status" = 0 ]
    check "metal_${1}_ends_quietly" [ "$(wc -l <"$pith_out")" = 1 ]
    check "metal_${1}_capture" [ "$(wc -c <"$net_tmp/$1.pcap")" -gt 1000000 ]
}
if [ -x /usr/bin/passt ]; then
    over_user microvm
    over_user q35
else
    skip metal_user: passt is not installed
fi

# ---- a tap interface, with the offloads of both sides
net_up metal
for machine in microvm q35; do
    start_pith web doc --accel tcg --machine $machine
    fetch() { in_net curl -sf http://10.9.0.2/design.md -o "$net_tmp/design.md"; }
    check "metal_${machine}_web" wait_for 100 fetch
    check "metal_${machine}_web_same_bytes" cmp -s doc/design.md "$net_tmp/design.md"
    stop_pith
    check "metal_${machine}_web_stops" [ "$pith_status" = 0 ]
done
start_pith echo --accel tcg
client() { in_net timeout 60 python3 test/echo_client.py "$@"; }
check metal_tap_echo wait_for 100 client tcp 10.9.0.2 7 10
check metal_tap_ping client ping 10.9.0.2 7 56
check metal_tap_16_mib client tcp 10.9.0.2 7 16777216
check metal_tap_100_at_once client many 10.9.0.2 7 100
check metal_tap_udp_in_fragments client udp 10.9.0.2 7 65507

# Whichever is killed, nothing is left: neither the other, nor passt, nor the interface's use.
kill -9 "$(pgrep -P "$pith_pid" qemu-system)" || kill -9 "$pith_pid"
wait "$pith_pid"
check metal_ends_when_qemu_does [ $? = 1 ]
pith_pid=
start_user echo --accel tcg -p $((port + 1)):7
children() { [ "$(pgrep -P "$pith_pid" | wc -l)" = 2 ]; }
check metal_runs_qemu_and_passt wait_for 50 children
kids=$(pgrep -P "$pith_pid")
kill -9 "$pith_pid"
wait "$pith_pid" 2>/dev/null
pith_pid=
all_gone() {
    for kid in $kids; do
        ! grep -q 'State:.[RSD]' "/proc/$kid/status" 2>/dev/null || return 1
    done
}
check metal_leaves_nothing wait_for 50 all_gone
finish
