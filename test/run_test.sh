#!/bin/sh
# pith run, as a user types it: what works, and each thing that can be wrong before
# an image runs: one line that says what to do, an exit code, nothing left behind.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD pith=$PWD/build/pith hello=$PWD/build/hello.pith crash=$PWD/build/test/crash.pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
bad=0

ok() { echo "ok run: $1"; }
not_ok() {
    echo "not ok run: $1"
    sed 's/^/# /' "$out"
    bad=1
}
says() { # NAME WORDS COMMAND…: ends well and prints a line with WORDS
    name=$1 words=$2
    shift 2
    if "$@" >"$out" 2>&1 && grep -q -- "$words" "$out"; then ok "$name"; else not_ok "$name"; fi
}
refuses() { # CODE NAME WORDS COMMAND…: one line with WORDS, no new file
    want=$1 name=$2 words=$3
    shift 3
    before=$(find "$tmp" | wc -l)
    "$@" >"$out" 2>&1
    code=$?
    if [ $code = "$want" ] && [ "$(wc -l <"$out")" = 1 ] && grep -q -- "$words" "$out" &&
        [ "$(find "$tmp" | wc -l)" = "$before" ]; then
        ok "$name"
    else
        not_ok "$name (exit code $code)"
    fi
}
patch() { # FROM TO OFFSET BYTES(octal): a copy with other bytes, sealed again
    cp "$1" "$2"
    # shellcheck disable=SC2059 # the bytes are the format
    printf "$4" | dd of="$2" bs=1 seek="$3" conv=notrunc 2>/dev/null
    build/gen/seal "$2"
}

# ---- what works
says 'by name' '^hello, world$' "$pith" run hello
says 'by file' '^hello, world$' "$pith" run "$hello"
says '256 KiB are enough' '^hello, world$' "$pith" run hello --mem 256k
cp "$hello" "$tmp/here.pith"
(cd "$tmp" && "$pith" run) >"$out" 2>&1 && grep -q '^hello, world$' "$out" &&
    ok 'the only image of a directory' || not_ok 'the only image of a directory'
ln -s "$pith" "$tmp/linked"
says 'through a link, by name' '^hello, world$' "$tmp/linked" run hello
says 'found in PATH, by name' '^hello, world$' \
    env PATH="$root/build:$PATH" sh -c "cd '$tmp' && pith run hello"
"$pith" run hello --log "$tmp/log" && "$pith" run hello "--log=$tmp/log" && cp "$tmp/log" "$out"
[ "$(grep -c '^hello, world$' "$out")" = 2 ] && ok 'a log is appended to' ||
    not_ok 'a log is appended to'
rm -f "$tmp/log" "$tmp/here.pith" "$tmp/linked"
"$pith" run hello >&- 2>"$out" && [ ! -s "$out" ] && ok 'without a console' || not_ok 'without a console'
"$pith" run hello >&- 2>&- <&- && ok 'without any descriptor' || not_ok 'without any descriptor'
"$pith" run hello </dev/null | : && ok 'into a pipe that nobody reads' ||
    not_ok 'into a pipe that nobody reads'
[ "$(wc -c <build/hello.pith)" -le 24576 ] && ok 'hello is at most 24 KiB' ||
    not_ok 'hello is at most 24 KiB'

# ---- ends
mkfifo "$tmp/said"
for how in stop forever; do
    exec 9<>"$tmp/said"
    "$pith" run "$crash" --how $how >"$tmp/said" 2>"$out" 9<&- &
    pid=$!
    [ $how = stop ] && read -r line <"$tmp/said" || sleep 0.3
    kill $pid
    if [ $how = stop ]; then
        read -r line <"$tmp/said"
        wait $pid && [ "$line" = stopped ] && ok 'SIGTERM asks it to end' || not_ok 'SIGTERM asks it to end'
    else
        sleep 0.2
        kill -0 $pid 2>/dev/null && kill $pid
        wait $pid
        [ $? = 143 ] && ok 'a second SIGTERM ends it' || not_ok 'a second SIGTERM ends it'
    fi
    exec 9<&-
done
# A shell that is no terminal's starts what is in the background with SIGINT ignored.
env --default-signal=INT "$pith" run "$crash" --how forever >"$out" 2>&1 &
pid=$!
sleep 0.2
kill -INT $pid && sleep 0.2 && kill -INT $pid
wait $pid
[ $? = 130 ] && ok 'a second SIGINT ends it' || not_ok 'a second SIGINT ends it'
"$pith" run "$crash" --how forever >"$out" 2>&1 &
pid=$!
sleep 0.2
kill -INT $pid && sleep 0.2 && kill -INT $pid && sleep 0.2
kill -KILL $pid
wait $pid
[ $? = 137 ] && ok 'a SIGINT that was ignored at the start stays so' ||
    not_ok 'a SIGINT that was ignored at the start stays so'
rm -f "$tmp/said"
"$pith" run "$crash" --how nothing >"$out" 2>&1
[ $? = 1 ] && grep -q '^crash: invalid$' "$out" && ok 'an appliance that fails is exit code 1' ||
    not_ok 'an appliance that fails is exit code 1'
"$pith" run "$crash" --how "$(head -c 9000 /dev/zero | tr '\0' x)" >"$out" 2>&1
[ $? = 1 ] && grep -q '^crash: invalid$' "$out" && ok 'a boot record of several pages' ||
    not_ok 'a boot record of several pages'

# ---- the command line
refuses 1 'an image that is not there' 'pith list' "$pith" run nosuch
refuses 1 'a file that is not there' 'no such image' "$pith" run ./nosuch.pith
refuses 1 'a directory' 'not a file' "$pith" run "$tmp"
refuses 2 'no image here' 'which image' sh -c "cd '$tmp' && '$pith' run"
refuses 2 'a key that is not there' 'no key --hwo; did you mean --how?' "$pith" run "$crash" --hwo x
refuses 2 'an option that is not there' '--help. lists them' "$pith" run "$crash" --frobnicate
refuses 2 'a key without its value' 'needs a value' "$pith" run "$crash" --how
refuses 2 'a value that makes no sense' 'takes a number' "$pith" run build/test/escape.pith --call none
refuses 2 'memory that makes no sense' 'such as 256k' "$pith" run hello --mem lots
refuses 1 'too little memory' 'at least 128 KiB.*--mem' "$pith" run "$crash" --mem 64k
refuses 1 'more memory than there is' 'no .* KiB of memory.*--mem' \
    sh -c "ulimit -v 100000; '$pith' run hello --mem 1g"
refuses 2 'data for an appliance without' 'works on no data' "$pith" run hello "$tmp"
refuses 2 'a network for an appliance without' 'no network device' "$pith" run hello --net user
refuses 2 'a port for an appliance without, in one word' 'no network device' "$pith" run hello -p80:80
refuses 2 'a port for an appliance without' 'no network device' "$pith" run hello -p 80:80
refuses 2 'another host' 'this pith has' "$pith" run hello --host elsewhere
refuses 1 'a log that cannot be written' 'cannot be written' "$pith" run hello --log "$tmp/no/log"
refuses 2 'a command that is not there' 'did you mean .pith run.' "$pith" rnu
if [ -e build/web.pith ]; then
    refuses 2 'no data' 'name a directory or a bundle' "$pith" run web
    refuses 1 'data that is not there' 'No such file' "$pith" run web "$tmp/no"
    refuses 1 'data that is no bundle' 'no bundle' "$pith" run web "$hello"
    refuses 1 'a device that is not there' 'ip tuntap add' "$pith" run web doc --net tap:pithnone$$
    refuses 2 'a port that makes no sense' 'such as 8080:80' "$pith" run web doc -p 80
    says 'an appliance explains its keys' '--port number' "$pith" run web --help
fi

# ---- images that are none, or not whole
: >"$tmp/empty"
refuses 1 'an empty file' 'is empty' "$pith" run "$tmp/empty"
echo 'no image' >"$tmp/text"
refuses 1 'a text' 'not an ELF file' "$pith" run "$tmp/text"
refuses 1 'a program of this system' 'ordinary program' "$pith" run /bin/true
refuses 1 'a static program' 'ordinary program' "$pith" run "$pith"
patch "$hello" "$tmp/arm" 18 '\267\000'
refuses 1 'another machine' 'another machine' "$pith" run "$tmp/arm"
size=$(wc -c <"$hello")
for n in 3 40 100 1000 5000 $((size - 1)); do
    head -c "$n" "$hello" >"$tmp/short"
    refuses 1 "cut off after $n bytes" 'truncated\|cut off\|not an ELF\|damaged' "$pith" run "$tmp/short"
done
damage=0
for at in $(seq 0 61 $((size - 1))); do
    cp "$hello" "$tmp/flipped"
    byte=$(od -An -tu1 -j"$at" -N1 "$hello" | tr -d ' ')
    # shellcheck disable=SC2059
    printf "\\$(printf %o $(((byte + 1) % 256)))" |
        dd of="$tmp/flipped" bs=1 seek="$at" conv=notrunc 2>/dev/null
    "$pith" run "$tmp/flipped" >"$out" 2>&1
    [ $? = 1 ] && [ "$(wc -l <"$out")" = 1 ] || { damage=$at && break; }
done
[ $damage = 0 ] && ok 'one wrong byte, anywhere' || not_ok "one wrong byte, at $damage"
about=$(LC_ALL=C grep -abPo '\x01\x00\x00\x00Pith' "$hello" | head -n 1 | cut -d: -f1) # of that type
patch "$hello" "$tmp/version" $((about + 16)) '\377'
refuses 1 'a manifest of another version' 'another version' "$pith" run "$tmp/version"
writable=$(readelf -lW "$hello" | awk '/^  [A-Z]/ { n++ } $1 == "LOAD" && /R E/ { print n - 1; exit }')
patch "$hello" "$tmp/wx" $((64 + (writable - 1) * 56 + 4)) '\007'
refuses 1 'a segment that is writable and executable' 'writable and executable' "$pith" run "$tmp/wx"
rm -f "$tmp/flipped" "$tmp/short"

# ---- list, help, debug
says 'the catalogue' '^hello .*says hello' "$pith" list
says 'the catalogue as JSON' hello sh -c \
    "'$pith' list --json | python3 -c 'import json, sys; print([i[\"name\"] for i in json.load(sys.stdin)])'"
says 'help' 'usage: pith COMMAND' "$pith" --help
says 'help of a command' '--pcap FILE' "$pith" run --help
says 'a version' '^pith [0-9]' "$pith" --version
if command -v gdb >/dev/null; then
    says 'gdb stops at the first instruction' 'guest_entry' \
        "$pith" debug --gdb -batch --gdb -ex --gdb 'info symbol $pc' hello
else
    echo 'skip run: gdb is not there'
fi
exit $bad
