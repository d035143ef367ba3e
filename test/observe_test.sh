#!/bin/sh
# What developers see an appliance with: gdb stops in a handler, perf names its
# functions, and tshark decodes what --pcap wrote.
set -u
. test/net_lib.sh
net_up observe
site=$net_tmp/site
mkdir "$site"
echo '<!doctype html><title>observed</title>' >"$site/index.html"
head -c 300000 /dev/urandom >"$site/big.bin"

fetch() { in_net curl -sf -m 5 -o "$net_tmp/$1" "http://10.9.0.2/$1"; }

# gdb is where `pith run` would be: a breakpoint in the handler, and a request.
handler_break() {
    in_net build/pith debug --gdb -batch --gdb -ex --gdb 'break site_serve' --gdb -ex --gdb continue \
        --gdb -ex --gdb backtrace --gdb -ex --gdb 'info symbol $pc' --gdb -ex --gdb kill \
        web "$site" --net tap:tap0 --ip 10.9.0.2/24 >"$net_tmp/gdb" 2>&1 &
    gdb=$!
    tries=100
    while [ $tries -gt 0 ] && kill -0 $gdb 2>/dev/null; do
        in_net curl -s -m 1 -o /dev/null http://10.9.0.2/
        tries=$((tries - 1))
    done
    wait $gdb
    grep -q '^#0 .*site_serve' "$net_tmp/gdb" &&
        grep -q 'http_exchange_run .*lib/http/exchange.c:[0-9]' "$net_tmp/gdb" &&
        grep -q '^#[1-9].* http_' "$net_tmp/gdb" && return 0
    sed 's/^/# /' "$net_tmp/gdb"
    return 1
}

perf_symbols() {
    in_net wrk -t1 -c8 -d3s http://10.9.0.2/ >"$net_tmp/load" 2>&1 &
    load=$!
    sleep 0.3
    perf record -q -F 2000 -e cpu-clock -p "$pith_pid" -o "$net_tmp/perf" -- sleep 1 >"$net_tmp/record" 2>&1
    wait $load
    perf report -i "$net_tmp/perf" --stdio --sort dso,symbol 2>/dev/null >"$net_tmp/report"
    # Names of the image's own functions, not addresses.
    grep -Eq 'web\.pith +\[\.\] [a-z_]+' "$net_tmp/report" && return 0
    sed 's/^/# /' "$net_tmp/load" "$net_tmp/record" "$net_tmp/report" | head -40
    return 1
}

pcap_decodes() {
    stop_pith
    tshark -r "$net_tmp/web.pcap" -o tcp.check_checksum:FALSE >"$net_tmp/frames" 2>"$net_tmp/tshark" &&
        ! grep -v '^Running as user' "$net_tmp/tshark" | grep -q . &&
        grep -q 'GET /big.bin' "$net_tmp/frames" && grep -q '200 OK' "$net_tmp/frames" &&
        [ "$(tshark -r "$net_tmp/web.pcap" -Y '_ws.malformed' 2>/dev/null | wc -l)" = 0 ] && return 0
    sed 's/^/# /' "$net_tmp/tshark" "$net_tmp/frames" | head -40
    return 1
}

check 'observe: gdb breaks in a handler and knows its source lines' handler_break

start_pith web "$site" --pcap "$net_tmp/web.pcap"
wait_for 50 fetch index.html || not_ok 'observe: web answers'
fetch big.bin
check 'observe: what was fetched is the file' cmp -s "$site/big.bin" "$net_tmp/big.bin"
check 'observe: tshark decodes what --pcap wrote, nothing malformed' pcap_decodes

start_pith web "$site"
wait_for 50 fetch index.html || not_ok 'observe: web answers'
# `ip netns exec` execs, so $pith_pid is pith itself.
check 'observe: perf shows functions of the image' perf_symbols
stop_pith
finish
