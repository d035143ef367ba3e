#!/bin/sh
# doc/tutorial.md, followed to the letter: "sh" blocks must succeed, "sh run" blocks stay
# in the background until the next one, "c" blocks become main.c, and each line of a
# "text" block must be in what the block before it said. Published ports get a number
# that is free here.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ ! -x build/pith ]; then
    echo "not ok tutorial: build/pith is not built"
    exit 1
fi
root=$PWD
dir=$(mktemp -d "${TMPDIR:-/tmp}/pith-tutorial.XXXXXX")
running=
stop() {
    [ -z "$running" ] || kill "$running" 2>/dev/null
    [ -z "$running" ] || wait "$running" 2>/dev/null
    running=
}
trap 'stop; rm -rf "$dir"' EXIT
PATH="$root/build:$PATH"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
failed=0

# The blocks, one a file, named by number and kind.
awk -v dir="$dir" '
    /^```/ && open { open = 0; close(file); next }
    /^```/ { open = 1; n++; kind = substr($0, 4); gsub(/ /, "-", kind)
             file = sprintf("%s/%02d.%s", dir, n, kind == "" ? "shown" : kind); next }
    open { print >file }' doc/tutorial.md

say() {
    if [ "$1" = 0 ]; then
        echo "ok tutorial: $2"
    else
        tail -n 20 "$dir/said" "$dir/appliance" 2>/dev/null | sed 's/^/# /'
        echo "not ok tutorial: $2"
        failed=1
    fi
}

start() {
    stop
    # exec: what is stopped later is the command itself
    (cd "$1" && eval "exec $(cat "$dir/block")") >"$dir/appliance" 2>&1 &
    running=$!
    for _ in $(seq 100); do
        curl -s -o /dev/null "http://127.0.0.1:$port/" && return 0
        kill -0 "$running" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

where=$dir/work
mkdir "$where"
for block in "$dir"/[0-9]*; do
    what="$(basename "$block"): $(head -n 1 "$block")"
    sed "s/8080/$port/g" "$block" >"$dir/block"
    case $block in
    *.sh-run)
        start "$where"
        say $? "$what"
        ;;
    *.sh)
        (cd "$where" && set -e && . "$dir/block" && pwd >"$dir/where") >"$dir/said" 2>&1
        say $? "$what"
        where=$(cat "$dir/where")
        ;;
    *.c) cp "$block" "$where/main.c" ;;
    *.text)
        missing=0
        while read -r line; do
            grep -qF -- "$line" "$dir/said" || missing=1
        done <"$block"
        say $missing "$what"
        ;;
    esac
done
exit $failed
