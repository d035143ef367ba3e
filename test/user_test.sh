#!/bin/sh
# What passt does differently from a network, seen by clients on this machine: it takes
# connections before the appliance has an address, and a client's reset may overtake the
# client's text and leave nobody behind who could be asked.
. test/net_lib.sh

client() { python3 test/user_client.py "$port" "$@"; }
says() { grep -q "$1" "$pith_out" || { sed 's/^/# /' "$pith_out"; false; }; }
stops_at_once() {
    stop_pith # which is patient for five seconds; the appliance for ten
    [ "$pith_status" = 0 ] || { echo "# exit status $pith_status" && false; }
}

if [ ! -x /usr/bin/passt ]; then
    skip user: passt is not installed
    finish
fi
port=$((30000 + $$ % 10000))
mkdir "$net_tmp/site"
seq 1 60000 >"$net_tmp/site/numbers.txt"

# A client that has long been trying connects in the moment in which the port is there.
first_client_is_served() {
    for round in 1 2 3; do
        client early 20 &
        early=$!
        start_user web "$net_tmp/site" -p "$port:80"
        wait "$early" || return 1
        stop_pith
    done
}
check user_the_first_client_is_served first_client_is_served

# passt is not ours, and may fail in this by itself: it has been seen to go in circles, without
# a system call, and not to answer in time on a busy machine. So it gets three tries.
resets_hold_nothing_up() {
    for round in 1 2 3; do
        start_user web "$net_tmp/site" -p "$port:80"
        wait_for 50 client get || says passt
        passt=$(pgrep -P "$pith_pid" passt)
        client resets 20 && client get
        served=$?
        stops_at_once && [ $served = 0 ] && return
        echo "# try $round failed"
        kill -9 $passt 2>/dev/null
    done
    return 1
}
check user_clients_that_reset_hold_nothing_up resets_hold_nothing_up
finish
