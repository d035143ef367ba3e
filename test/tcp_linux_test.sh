#!/bin/sh
# The kernel's TCP as the peer on paths that lose, delay and reorder, and many thousand
# connections in a row.
. test/net_lib.sh

net_up tcp

# relay NAME LOSS_PERCENT REORDER_PERCENT DELAY_MS BYTES
relay() {
    relay_name=$1
    shift
    check "$relay_name" in_net timeout 120 python3 test/tcp_relay.py build/pith "$@" 1 "$net_tmp/relay.pcap"
}

# capture_has_at_most N FILTER: frames of the last relay's capture. On a path that loses nothing
# a tail probe may still go out where the machine itself stalls for two round trips.
capture_has_at_most() {
    tshark -r "$net_tmp/relay.pcap" -Y "$2" 2>/dev/null >"$net_tmp/found"
    [ "$(wc -l <"$net_tmp/found")" -le "$1" ] || { head -3 "$net_tmp/found" | sed 's/^/# /'; false; }
}

relay tcp_linux_clean 0 0 10 1000000
again='ip.src == 10.9.1.2 && tcp.analysis.retransmission'
check tcp_linux_no_needless_retransmission capture_has_at_most 5 "$again"
relay tcp_linux_1_percent_lost 1 0 10 2000000
relay tcp_linux_5_percent_lost_and_reordered 5 20 20 500000
check tcp_linux_nothing_malformed capture_has_at_most 0 _ws.malformed

many() { in_net python3 test/tcp_many.py 10.9.0.2 77 "$1"; }

start_pith echo --port 77
if wait_for 50 in_net python3 test/echo_client.py tcp 10.9.0.2 77 10; then
    in_net sysctl -qw net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65000"
    check tcp_linux_20000_connections_in_a_row many 20000
else
    not_ok tcp_linux_20000_connections_in_a_row: echo does not answer
fi
stop_pith

finish
