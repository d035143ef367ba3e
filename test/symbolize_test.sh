#!/bin/sh
# Lines of source in crash reports: told by the report itself where the debug information
# is at hand, and by pith symbolize where it is not. test/images/crash breaks the rules.
set -u
cd "$(dirname "$0")/.." || exit 1
pith=$PWD/build/pith image=$PWD/build/test/crash.pith source=test/images/crash/main.c
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
bad=0

say() { # STATUS NAME
    if [ "$1" = 0 ]; then
        echo "ok symbolize: $2"
    else
        echo "not ok symbolize: $2"
        sed 's/^/# /' "$out" | head -40
        bad=1
    fi
}
# On a terminal, where an image without devices gets lines as well.
watched() {
    python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@" </dev/null | tr -d '\r'
}
line_of() { grep -n "$1" "$source" | head -n 1 | cut -d: -f1; }
where() { # TEXT: the place of the first line of the source that has it
    echo "$source:$(line_of "$1")"
}
fails() { # CODE WORDS COMMAND…
    code=$1 words=$2
    shift 2
    "$@" >"$out" 2>&1
    [ $? = "$code" ] && grep -q "$words" "$out"
}

# ---- by the report itself
watched "$pith" run "$image" --how bounds >"$out"
grep -q '^  inlined  at_, base/types.h:' "$out" &&
    grep -q "^  at       boundary+0x[0-9a-f]* (image+0x[0-9a-f]*), $(where 'zero + 4')$" "$out" &&
    grep -q '^  from     fiber_begin.*, fiber/fiber.c:[0-9]*$' "$out" &&
    grep -q '^  hint  ' "$out" && ! grep -q '^  lines' "$out"
say $? 'a report tells lines and what was inlined'
watched "$pith" run "$image" --how cfi >"$out"
grep -A1 "^  inlined  call_as_another_type, $(where 'f(NULL)')$" "$out" |
    grep -q "^  at       boundary.*, $(where 'call_as_another_type();')$"
say $? 'an inlined call is told with the line of the call'
watched "$pith" run "$image" --how shared >"$out"
grep -q "^  at       shared.*, $(where 'zero + zero') or $(where '2 - 3')$" "$out"
say $? 'checks that share a trap are all told'

for host in kvm qemu; do
    if [ $host = kvm ] && [ ! -w /dev/kvm ]; then
        echo "skip symbolize: host kvm: /dev/kvm cannot be used"
    elif [ $host = qemu ] && ! command -v qemu-system-x86_64 >/dev/null; then
        echo "skip symbolize: host qemu: QEMU is not installed"
    else
        timeout 60 "$pith" run "$image" --how bounds --host $host >"$out" 2>&1
        grep -q "^  at       boundary.*, $(where 'zero + 4')$" "$out" && grep -q '^  fiber    breaker' "$out"
        say $? "a report of host $host tells lines as well"
    fi
done

cp build/test/crash.pith "$tmp/crash.pith"
cp build/web.debug "$tmp/crash.debug"
watched "$pith" run "$tmp/crash.pith" --how bounds >"$out"
grep -q '^  at       boundary+0x[0-9a-f]* (image+0x[0-9a-f]*)$' "$out"
say $? 'debug information of another build is not believed'
head -c 100000 build/test/crash.debug >"$tmp/crash.debug"
watched "$pith" run "$tmp/crash.pith" --how bounds >"$out"
grep -q '^  at       boundary+' "$out"
say $? 'damaged debug information does no harm'
rm "$tmp/crash.debug"

# ---- by pith symbolize
"$pith" run "$tmp/crash.pith" --how bounds >"$tmp/report" 2>&1
cp "$tmp/report" "$out"
! grep -q "$source" "$out" && grep -q '^  lines    pith symbolize .*/crash.pith 0x' "$out"
say $? 'a report without lines says how to get them'
"$pith" symbolize "$image" <"$tmp/report" >"$out" 2>&1
grep -q "^  at       boundary.*, $(where 'zero + 4')$" "$out" &&
    grep -q '^pith: crash crashed: outside' "$out" && grep -q '^  fiber    breaker' "$out" &&
    ! grep -q '^  lines' "$out"
say $? 'pith symbolize tells a report again with lines'
cp "$out" "$tmp/told"
"$pith" symbolize "$image" <"$tmp/told" >"$out" 2>&1 && cmp -s "$out" "$tmp/told"
say $? 'a report that has its lines stays as it is'
sed 's/^/Nov 24 12:00:00 host pith[12]: /' "$tmp/report" >"$tmp/log"
"$pith" symbolize "$image" <"$tmp/log" >"$out" 2>&1
grep -q "^Nov 24 .*:   at       boundary.*, $(where 'zero + 4')$" "$out" &&
    [ "$(grep -vc '^Nov 24 12:00:00 host pith\[12\]: ' "$out")" = 0 ]
say $? 'within the lines of a log'
command=$(sed -n 's/^  lines    pith //p' "$tmp/report")
cp build/test/crash.debug "$tmp/crash.debug"
# shellcheck disable=SC2086 # as it would be pasted
"$pith" $command >"$out" 2>&1
grep -q "^  at       boundary.*, $(where 'zero + 4')$" "$out"
say $? 'the command that a report ends with works as pasted'
(cd "$tmp" && "$pith" symbolize <report) >"$out" 2>&1
grep -q "$(where 'zero + 4')$" "$out"
say $? 'the image is found by the name in the report'
at=$(sed -n 's/^  at .*image+\(0x[0-9a-f]*\)).*/\1/p' "$tmp/report")
"$pith" symbolize "$tmp/crash.debug" "$at" "image+$at" >"$out" 2>&1
[ "$(grep -c "^  at       boundary.*, $(where 'zero + 4')$" "$out")" = 2 ]
say $? 'single addresses, from a debug file alone'
printf '  at       evil\033[2J (image+%s)\n  \033[31mred\n' "$at" | "$pith" symbolize "$image" >"$out" 2>&1
! grep -q "$(printf '\033')" "$out" && grep -q 'x1b' "$out"
say $? 'control characters of a report do not reach the terminal'

# ---- an image without names
"$pith" strip "$image" -o "$tmp/stripped.pith" >"$out" 2>&1 &&
    [ "$(stat -c %s "$tmp/stripped.pith")" -lt "$(stat -c %s "$image")" ] &&
    [ "$(readelf -Ws "$tmp/stripped.pith" | wc -l)" -lt 4 ]
say $? 'pith strip leaves the symbols out'
"$pith" run "$tmp/stripped.pith" --how bounds >"$tmp/stripped" 2>&1
cp "$tmp/stripped" "$out"
grep -q '^pith: crash crashed: outside of a view' "$out" &&
    grep -q '^  fiber    breaker, in scope inner < ' "$out" &&
    grep -q '^  at       (image+0x[0-9a-f]*)$' "$out"
say $? 'its report still names the rule, the fiber and its scopes'
"$pith" symbolize build/test/crash.debug <"$tmp/stripped" >"$out" 2>&1
grep -q "^  at       boundary.*, $(where 'zero + 4')$" "$out"
say $? 'and gets names and lines where the debug file is'
fails 1 'is stripped, and .* is not there: name the .debug file' "$pith" symbolize "$tmp/stripped.pith" 0x10
say $? 'without it the file is asked for'
"$pith" inspect "$tmp/stripped.pith" >"$out" 2>&1 && grep -q 'the image was stripped' "$out"
say $? 'pith inspect shows the rest'
"$pith" bundle web doc -o "$tmp/site.pith" >"$out" 2>&1 && "$pith" strip "$tmp/site.pith" &&
    "$pith" inspect --bundle "$tmp/site.pith" >"$out" 2>&1 && grep -q ' /safety.md$' "$out"
say $? 'a bundle stays'

# ---- what is wrong
fails 1 'of build .*the report of build .*take the .debug file' \
    "$pith" symbolize build/web.debug <"$tmp/report"
say $? 'another build is refused'
fails 1 'is no crash report' "$pith" symbolize "$image" </dev/null
say $? 'no report is refused'
fails 2 'is no address' "$pith" symbolize "$image" 12
say $? 'a word that is no address is refused'
fails 1 'there is no such image' "$pith" symbolize "$tmp/none.debug" 0x10
say $? 'a missing file is told'
rm "$tmp/crash.debug"
"$pith" symbolize "$tmp/crash.pith" <"$tmp/report" >"$out" 2>&1
grep -q 'crash.debug is not there: functions are told, but no lines' "$out" &&
    grep -q '^  at       boundary+' "$out"
say $? 'without debug information functions are told'
exit $bad
