#!/bin/sh
# The web appliance on tap, with HTTP clients nobody here wrote: curl, wrk, ab, python's
# http.client; and with hostile, slow and very many ones.
. test/net_lib.sh

url=http://10.9.0.2
site=$net_tmp/site
client() { in_net python3 test/web_client.py "$@"; }
fetch() { in_net curl -s -m 20 "$@"; }
up() { wait_for 50 fetch -o /dev/null "$url/"; }
status_of() { fetch -o /dev/null -w '%{http_code}' "$@"; }
field_of() { fetch -I --path-as-is "$2" | tr -d '\r' | sed -n "s/^$1: //p"; }
rate_of() { in_net wrk -t1 -c64 -d"$1" "$url/1k.txt" | sed -n 's/^Requests.sec: *\([0-9]*\).*/\1/p'; }

make_site() {
    mkdir -p "$site/docs" "$site/a b"
    echo '<h1>home</h1>' >"$site/index.html"
    echo '<h1>docs</h1>' >"$site/docs/index.html"
    echo '<h1>lost</h1>' >"$site/404.html"
    echo odd >"$site/a b/c%d.txt"
    head -c 768 /dev/urandom | base64 -w 0 >"$site/1k.txt"
    seq 1 20000 >"$site/numbers.txt"
    head -c 10485760 /dev/urandom >"$site/10m.bin"
}

# ---- what is served -------------------------------------------------------------

same() { fetch "$@" | cmp -s - "$expected"; }
files_are_whole() {
    for file in index.html 1k.txt numbers.txt 10m.bin docs/index.html; do
        expected=$site/$file
        same "$url/$file" || return 1
    done
    expected=$site/docs/index.html && same -L "$url/docs" && expected=$site/index.html && same "$url/" &&
        expected="$site/a b/c%d.txt" && same "$url/a%20b/c%25d.txt"
}
directories_redirect() {
    [ "$(fetch -o /dev/null -w '%{http_code} %{redirect_url}' "$url/docs?x=1")" = "301 $url/docs/?x=1" ] &&
        [ "$(field_of Location "$url/a/..//docs/../docs")" = "" ] &&
        [ "$(field_of Location "$url//evil.example/../../docs")" = /docs/ ]
}
lost_has_a_page() {
    [ "$(status_of "$url/nowhere")" = 404 ] && expected=$site/404.html && same "$url/nowhere" &&
        [ "$(status_of --path-as-is "$url/../../etc/passwd")" = 404 ] &&
        [ "$(status_of -X DELETE "$url/")" = 405 ]
}
gzip_is_chosen() {
    expected=$site/numbers.txt
    [ "$(fetch -H 'Accept-Encoding: gzip' "$url/numbers.txt" | wc -c)" -lt 60000 ] &&
        same --compressed "$url/numbers.txt" &&
        [ "$(fetch -H 'Accept-Encoding: gzip;q=0' "$url/numbers.txt" | wc -c)" = "$(wc -c <"$expected")" ] &&
        fetch -I "$url/numbers.txt" | grep -qi '^vary: accept-encoding'
}
conditions_hold() {
    etag=$(field_of ETag "$url/1k.txt") && date=$(field_of Last-Modified "$url/1k.txt") && [ -n "$etag" ] &&
        [ "$(status_of -H "If-None-Match: $etag" "$url/1k.txt")" = 304 ] &&
        [ "$(status_of -H "If-Modified-Since: $date" "$url/1k.txt")" = 304 ] &&
        [ "$(status_of -H 'If-None-Match: "other"' "$url/1k.txt")" = 200 ] &&
        [ "$(status_of -H 'If-Match: "other"' "$url/1k.txt")" = 412 ]
}
ranges_are_cut() {
    tail -c +1001 "$site/10m.bin" | head -c 5000 >"$net_tmp/part"
    expected=$net_tmp/part
    same -r 1000-5999 "$url/10m.bin" || return 1
    tail -c 77 "$site/10m.bin" >"$net_tmp/part"
    same -r -77 "$url/10m.bin" && [ "$(status_of -r 1000-5999 "$url/10m.bin")" = 206 ] &&
        [ "$(status_of -r 99999999- "$url/10m.bin")" = 416 ] &&
        fetch -r 0-9,20-29 "$url/numbers.txt" | grep -c '^Content-Range: bytes ' | grep -qx 2
}
connections_are_kept() {
    [ "$(fetch -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/1k.txt" "$url/1k.txt")" = '1 0 ' ]
}
bodies_are_refused() {
    [ "$(status_of -H 'Expect: 100-continue' --data-binary @"$site/10m.bin" "$url/")" = 413 ]
}

# ---- many at once -----------------------------------------------------------------

wrk_is_served() {
    in_net wrk -t1 -c64 -d1 "$url/1k.txt" >"$net_tmp/wrk" &&
        ! grep -q -e 'Socket errors' -e Non-2xx "$net_tmp/wrk"
}
ab_is_served() {
    in_net ab -q -n "$1" -c 50 $2 "$url/1k.txt" >"$net_tmp/ab" 2>&1 &&
        grep -q '^Failed requests: *0$' "$net_tmp/ab" &&
        ! grep -q Non-2xx "$net_tmp/ab"
}
# Half of the rate and more: neighbours on the machine take their part. `make bench` measures.
slow_clients_harm_nobody() {
    alone=$(rate_of 2)
    ip netns exec "$net_name" python3 test/web_client.py slow 1000 20 >"$net_tmp/slow" &
    slow=$!
    wait_for 50 grep -q connected "$net_tmp/slow"
    beside=$(rate_of 3)
    kill "$slow" 2>/dev/null
    wait "$slow" 2>/dev/null
    echo "# $alone requests a second, beside 1000 slow clients $beside"
    [ "$beside" -gt $((alone / 2)) ]
}

# ---- the end ------------------------------------------------------------------------

stop_during_a_transfer() {
    client reads_slowly /10m.bin 10485760 >"$net_tmp/slow" 2>&1 &
    reader=$!
    wait_for 50 grep -q asked "$net_tmp/slow"
    stop_pith
    wait "$reader" && [ "$pith_status" = 0 ] || { sed 's/^/# /' "$net_tmp/slow"; false; }
}
log_is_kept() {
    start_pith web "$site" --log json --cache 1h --csp "default-src 'self'" --pcap "$net_tmp/web.pcap"
    up
    fetch -A 'agent "x"' "$url/docs/?q" >"$net_tmp/got" && fetch -I "$url/" | tr -d '\r' >"$net_tmp/head"
    grep -qx 'Cache-Control: max-age=3600' "$net_tmp/head" &&
        grep -qx "Content-Security-Policy: default-src 'self'" "$net_tmp/head" &&
        grep -qx 'X-Content-Type-Options: nosniff' "$net_tmp/head" || return 1
    fetch "$url/10m.bin" | cmp -s - "$site/10m.bin" || return 1
    stop_pith
    sed -n 's/^{.*/&/p' "$pith_out" | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
found = [l for l in lines if l["target"] == "/docs/?q"]
assert found[0]["status"] == 200 and found[0]["bytes"] == 14 and found[0]["agent"] == "agent \"x\"", found
assert found[0]["remote"] == "10.9.0.1" and found[0]["method"] == "GET"'
}
capture_is_clean() {
    tshark -r "$net_tmp/web.pcap" -Y '_ws.malformed || ip.checksum.status == 0' 2>/dev/null >"$net_tmp/bad" &&
        [ "$(tshark -r "$net_tmp/web.pcap" -Y http.response 2>/dev/null | wc -l)" -gt 3 ] &&
        [ ! -s "$net_tmp/bad" ]
}
# A pipe holds 64 KiB: the log of some 1,000 requests. What comes after is lost and
# counted, the server goes on and can be stopped.
serves_while_nobody_reads_its_log() {
    mkfifo "$net_tmp/pipe"
    sleep 60 <>"$net_tmp/pipe" &
    holder=$!
    ip netns exec "$net_name" build/pith run web "$site" --log json \
        --net tap:tap0 --ip 10.9.0.2/24 >"$net_tmp/pipe" 2>&1 &
    pith_pid=$!
    up && ab_is_served 5000 -k && stop_pith && [ "$pith_status" = 0 ]
    unread=$?
    kill "$holder"
    wait "$holder" 2>/dev/null
    return "$unread"
}

is_explained() { # WORDS ARGS …
    words=$1
    shift
    start_pith web "$site" "$@"
    wait "$pith_pid"
    pith_status=$?
    pith_pid=
    [ "$pith_status" != 0 ] && grep -q "$words" "$pith_out"
}
of_length() { head -c "$1" /dev/zero | tr '\0' x; }
bad_keys_are_explained() {
    is_explained 'log is none, common or json' --log loud &&
        is_explained 'csp is too long' --csp "$(of_length 2100)"
}
a_long_policy_is_sent() {
    start_pith web "$site" --csp "$(of_length 2000)"
    up && fetch -I "$url/1k.txt" | tr -d '\r' | grep -qx "Content-Security-Policy: $(of_length 2000)"
    found=$?
    stop_pith
    return $found
}

net_up web
make_site
start_pith web "$site"
if ! up; then
    sed 's/^/# /' "$pith_out"
    not_ok web: does not answer
    finish
fi
check web_files_are_whole files_are_whole
check web_directories_redirect directories_redirect
check web_lost_has_a_page lost_has_a_page
check web_gzip_is_chosen gzip_is_chosen
check web_conditions_hold conditions_hold
check web_ranges_are_cut ranges_are_cut
check web_connections_are_kept connections_are_kept
check web_bodies_are_refused bodies_are_refused
check web_python_keeps_its_connection client keep_alive /1k.txt
check web_pipelined client pipeline /1k.txt
check web_hostile_bytes client hostile
check web_wrk wrk_is_served
check web_ab_keep_alive ab_is_served 20000 -k
check web_ab_10000_connections_in_a_row ab_is_served 10000 ''
check web_1000_connections_in_4_mib client many 990 /1k.txt
check web_at_the_connection_limit client at_limit 1100
check web_idle_clients_make_room client kept_out 1100
check web_still_serves files_are_whole
check web_stops_after_the_transfer stop_during_a_transfer

start_pith web "$site" --mem 64m
up
check web_10000_connections_in_64_mib client many 10000 /1k.txt
check web_1000_slow_clients_harm_nobody slow_clients_harm_nobody
stop_pith
check web_access_log log_is_kept
if command -v tshark >/dev/null; then
    check web_capture_is_clean capture_is_clean
else
    skip web_capture_is_clean: tshark is not installed
fi
check web_bad_keys_are_explained bad_keys_are_explained
check web_a_long_policy_is_sent a_long_policy_is_sent
check web_serves_while_nobody_reads_its_log serves_while_nobody_reads_its_log
finish
