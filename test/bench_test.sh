#!/bin/sh
# The benchmarks run, say what they measured, and leave nothing behind. No figure is
# judged here.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ "$(id -u)" != 0 ] || [ ! -e /dev/net/tun ]; then
    echo "skip bench: needs root and /dev/net/tun for network namespaces"
    exit 0
fi
out=$(mktemp -d "${TMPDIR:-/tmp}/pith-bench-test.XXXXXX")
trap 'rm -rf "$out"' EXIT
failed=0

say() {
    if [ "$1" = 0 ]; then
        echo "ok bench: $2"
    else
        sed 's/^/# /' "$out/log" | tail -n 20
        echo "not ok bench: $2"
        failed=1
    fi
}

build/bench/replay build/echo.pith 2000 16 >"$out/log" 2>&1 && tail -n 1 "$out/log" | grep -qx '[0-9.]*'
say $? "an image runs on a host of memory"
python3 bench/bench.py --short --only '1 KiB, 64;start' --out "$out" >"$out/log" 2>&1 &
bench=$!
wait $bench
say $? "a short run ends well"
for server in nginx epoll pith; do
    grep -q "^| 1 KiB, 64 connections | $server | [0-9]" "$out/table.md"
    say $? "serves and measures $server"
done
python3 -c "import json, sys; json.load(open(sys.argv[1]))" "$out/results.json"
say $? "leaves its samples as JSON"
! ip netns list | grep -q "^pith-bench-$bench-"
say $? "leaves no namespace behind"
exit $failed
