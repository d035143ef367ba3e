#!/bin/sh
# The echo appliance over tap and over passt, with clients nobody here wrote: the
# kernel's TCP, UDP and ICMP, and tshark.
. test/net_lib.sh

client() { in_net python3 test/echo_client.py "$@"; }
says() { grep -q "$1" "$pith_out" || { sed 's/^/# /' "$pith_out"; false; }; }

# No frame of a capture may be malformed, and no checksum wrong that was finished.
capture_is_clean() {
    tshark -r "$1" -Y '_ws.malformed || ip.checksum.status == 0' 2>/dev/null >"$net_tmp/bad" &&
        frames=$(tshark -r "$1" -T fields -e frame.number 2>/dev/null | tail -1) &&
        echo "# $frames frames captured" &&
        [ "${frames:-0}" -gt "$2" ] && [ ! -s "$net_tmp/bad" ] || { head -3 "$net_tmp/bad"; false; }
}

over_user() {
    port=$((20000 + $$ % 10000))
    start_user echo -p "$port:7" -p "$port:7/udp"
    user_client() { python3 test/echo_client.py "$@"; }
    if ! wait_for 50 user_client tcp 127.0.0.1 "$port" 10; then
        says passt || true
        not_ok echo_user: does not answer
        return
    fi
    check echo_user_tcp_1_mib user_client tcp 127.0.0.1 "$port" 1048576
    check echo_user_tcp_small_pieces user_client small_pieces 127.0.0.1 "$port" 1
    check echo_user_tcp_half_close user_client half_close 127.0.0.1 "$port"
    check echo_user_udp user_client udp 127.0.0.1 "$port" -8000
    passt=$(pgrep -P "$pith_pid" || true)
    stop_pith
    check echo_user_stops_at_sigterm [ "$pith_status" = 0 ]
    gone() { [ -n "$passt" ] && ! grep -q "State:.[RSD]" "/proc/$passt/status"; } # or a zombie of init's
    check echo_user_leaves_no_passt wait_for 20 gone

    start_user echo -p "$port:7"
    passt_pid() { passt=$(pgrep -P "$pith_pid" passt); }
    wait_for 50 user_client tcp 127.0.0.1 "$port" 10 && passt_pid && kill "$passt"
    wait "$pith_pid"
    check echo_user_ends_when_passt_does [ $? = 1 ]
    pith_pid=
}

if [ -x /usr/bin/passt ]; then over_user; else skip echo_user: passt is not installed; fi

net_up echo
start_pith echo --port 77 --pcap "$net_tmp/echo.pcap"
check echo_answers wait_for 50 client tcp 10.9.0.2 77 10
check echo_ping client ping 10.9.0.2 77 56
check echo_tcp_1_mib client tcp 10.9.0.2 77 1048576
check echo_tcp_small_pieces client small_pieces 10.9.0.2 77 2
check echo_tcp_half_close client half_close 10.9.0.2 77
check echo_tcp_100_at_once client many 10.9.0.2 77 100
check echo_udp_to_the_mtu client udp 10.9.0.2 77 1472
check echo_udp_in_fragments client udp 10.9.0.2 77 65507
check echo_ping_in_fragments client ping 10.9.0.2 77 4000
check echo_closed_port client closed_port 10.9.0.2 78
stop_pith
check echo_stops_at_sigterm [ "$pith_status" = 0 ]
check echo_capture_is_clean capture_is_clean "$net_tmp/echo.pcap" 500

# At once again on the same interface; without a capture, at full speed.
start_pith echo
check echo_starts_again wait_for 50 client tcp 10.9.0.2 7 10
check echo_tcp_64_mib client tcp 10.9.0.2 7 67108864
check echo_tcp_beyond_its_limit client beyond_limit 10.9.0.2 7 400
stop_pith

# A capture that may not grow ends; the appliance does not.
small_file() {
    (
        ulimit -f 64
        exec ip netns exec "$net_name" build/pith run echo --net tap:tap0 --ip 10.9.0.2/24 \
            --pcap "$net_tmp/small.pcap" >"$pith_out" 2>&1
    ) &
    pith_pid=$!
    wait_for 50 client tcp 10.9.0.2 7 100000 && client tcp 10.9.0.2 7 100000 && says "the capture ends here"
}
check echo_survives_a_full_capture small_file
stop_pith

# In a user namespace nobody's privilege is needed, only /dev/net/tun.
in_user_namespace() {
    unshare -Urn sh -c '
        ip link set lo up && ip tuntap add tap0 mode tap &&
            ip address add 10.9.0.1/24 dev tap0 && ip link set tap0 up || exit
        build/pith run echo --net tap:tap0 --ip 10.9.0.2/24 >/dev/null &
        for try in 1 2 3 4 5 6 7 8 9; do
            sleep 0.2
            python3 test/echo_client.py tcp 10.9.0.2 7 1000000 && break
        done >/dev/null
        answered=$?
        kill $! && wait $! && exit $answered'
}
check echo_in_a_user_namespace in_user_namespace

# Devices that whoever starts pith has opened.
for kind in stream seqpacket dgram tap tap-plain; do
    check "echo_inherited_$kind" in_net python3 test/fd_peer.py "$kind" build/pith run echo
done
finish
