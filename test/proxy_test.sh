#!/bin/sh
# examples/proxy in front of python's http.server: lib/http's client over the kernel's
# TCP, and both sides of lib/http at once.
. test/net_lib.sh

url=http://10.9.0.2
pith=$PWD/build/pith
site=$net_tmp/site
fetch() { in_net curl -s -m 20 "$@"; }

builds() {
    cp -r examples/proxy "$net_tmp/proxy"
    (cd "$net_tmp/proxy" && "$pith" build >"$net_tmp/built" 2>&1) && return
    sed 's/^/# /' "$net_tmp/built"
    false
}
same() { fetch "$url/$1" | cmp -s - "$site/$1"; }
bodies_pass() { same small.txt && same large.bin && same small.txt; }
heads_pass() {
    fetch -I "$url/large.bin" | tr -d '\r' >"$net_tmp/head"
    grep -qx 'Content-Length: 3000000' "$net_tmp/head" &&
        [ "$(fetch -o /dev/null -w '%{http_code}' "$url/nowhere")" = 404 ] &&
        [ "$(fetch -o /dev/null -w '%{http_code}' -d x "$url/small.txt")" = 501 ] # python's answer to POST
}
many_pass() {
    in_net ab -q -k -n 500 -c 8 "$url/small.txt" >"$net_tmp/ab" 2>&1 &&
        grep -q '^Failed requests: *0$' "$net_tmp/ab" && ! grep -q Non-2xx "$net_tmp/ab"
}
connections_are_used_again() { [ "$(grep -c '^accepted' "$net_tmp/upstream")" -lt 40 ]; }
absent_is_told() {
    kill "$upstream"
    wait "$upstream" 2>/dev/null
    [ "$(fetch -o /dev/null -w '%{http_code}' "$url/small.txt")" = 502 ]
}

cat >"$net_tmp/server.py" <<'P'
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        print("accepted", flush=True)
        super().setup()
    def log_message(self, *a):
        pass
handler = lambda *a: Handler(*a, directory=sys.argv[1])
http.server.ThreadingHTTPServer(("10.9.0.1", 8000), handler).serve_forever()
P

check proxy_builds builds
net_up proxy
mkdir "$site"
echo small >"$site/small.txt"
head -c 3000000 /dev/urandom >"$site/large.bin"
ip netns exec "$net_name" python3 "$net_tmp/server.py" "$site" >"$net_tmp/upstream" 2>&1 &
upstream=$!
start_pith "$net_tmp/proxy/proxy.pith" --to 10.9.0.1 --to_port 8000
wait_for 50 fetch -f -o /dev/null "$url/small.txt"
check proxy_bodies_pass bodies_pass
check proxy_heads_pass heads_pass
check proxy_many_pass many_pass
check proxy_connections_are_used_again connections_are_used_again
check proxy_absent_upstream_is_told absent_is_told
stop_pith
check proxy_stops_at_sigterm [ "$pith_status" = 0 ]
finish
