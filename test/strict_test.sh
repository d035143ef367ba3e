#!/bin/sh
# pith build refuses code that breaks the rules, with the place, the rule and what to write
# instead; --strict refuses what Pith refuses in its own rooms.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD pith=$PWD/build/pith
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
bad=0
mkdir "$tmp/app"
cd "$tmp/app" || exit 1

say() { # STATUS NAME
    if [ "$1" = 0 ]; then
        echo "ok strict: $2"
    else
        echo "not ok strict: $2"
        sed 's/^/# /' "$out" | head -30
        bad=1
    fi
}
# An appliance with TEXT before appliance_main, which is line 6, and STATEMENT in line 9.
write() { # TEXT STATEMENT
    {
        printf '#include "base/num.h"\n#include "fiber/appliance.h"\n\n'
        printf 'APPLIANCE(.name = "app", .about = "a test", .mem_kib = 512, .mem_min_kib = 128,'
        printf ' .stack_kib = 16, .fibers = 4);\n'
        printf '%s\nenum err appliance_main(struct scope *root)\n{\n    (void)root;\n' "$1"
        printf '%s\n    return OK;\n}\n' "$2"
    } >main.c
}
refuses() { # NAME WORDS TEXT STATEMENT OPTION…: and leaves no image
    name=$1 words=$2
    write "$3" "$4"
    shift 4
    "$pith" build "$@" >"$out" 2>&1
    [ $? = 1 ] && grep -q "$words" "$out" && [ ! -e app.pith ]
    say $? "refuses $name"
}

# ---- the profile, of everybody
refuses 'an index into a pointer, with a hint' 'hint: views, not pointers' \
    'static u8 at(const u8 *p, u64 i) { return p[i]; }' 'say((const char[]){(char)at((u8[]){1}, 0), 0});'
grep -q '^main.c:5:.*unsafe buffer access' "$out"
say $? 'the compiler names file and line'
refuses 'a variable index into an array' 'AT()' 'static u32 table[4]; static volatile u64 n;' 'table[n] = 1;'
refuses 'malloc' 'hint: there is no malloc: memory comes from arenas' '' 'say((char *)malloc(4));'
refuses 'printf' 'hint: there is no C library: text is written with' '' 'printf("hi");'
refuses 'an error that nobody looks at' 'hint: an enum err is looked at: TRY()' '' 'fiber_sleep_ns(1);'
refuses 'an array of variable length' 'hint: .*from an arena' '' 'int n = 4, a[n]; (void)a;'

# ---- --strict
breach() { # NAME WORDS TEXT STATEMENT
    refuses "$1" "^main.c:$2" "$3" "$4" --strict
}
breach 'raw memory' '9: memcpy: raw memory: copy()' '' '    memcpy(root, root, 0);'
breach 'a cast between object pointers' '5: cast to a pointer: CONTAINER' \
    'static u32 first(const u8 *p) { return *(const u32 *)p; }' '    say(first(0) ? "" : "x");'
breach 'a number that is cut in silence' '9:.*Wimplicit-int-conversion' 'static volatile u64 n;' \
    '    u16 x = n; (void)x;'
grep -q 'hint: to_u16(x)' "$out"
say $? 'and says how to write it'
breach 'an error that is thrown away' '9: the error of fiber_sleep_ns is thrown away: TRY()' '' \
    '    (void)fiber_sleep_ns(1);'
breach 'recursion without a bound' '5: recursion of deep: ' \
    'static u64 deep(u64 n) { return n == 0 ? 0 : deep(n - 1); }' '    say(deep(3) ? "" : "x");'
breach 'an endless loop that never waits' '9: an endless loop that never waits' '' \
    '    for (;;) say("on and on");'
breach 'a loop that nothing ends' '9: a loop without an end' '' \
    '    struct view v = VIEW("x"); while (v.n > 0) say("on");'
breach 'assembly' '9: __asm__: assembly has no rules' '' '    __asm__("nop");'
grep -q 'pith: --strict: 1 breach of a rule' "$out"
say $? 'the breaches are counted'

write '/* Bound: n, which is 3. */
static u64 deep(u64 n) { return n == 0 ? 0 : deep(n - 1); }' \
    '    (void)fiber_sleep_ns(1); /* nothing waits for it */
    return deep(3) == 0 ? OK : ERR_INVALID;'
"$pith" build --strict >"$out" 2>&1 && "$pith" run app.pith >>"$out" 2>&1
say $? 'bounds and reasons that are stated are accepted'
mkdir "$tmp/100%d" && write '' '' && cp main.c "$tmp/100%d" &&
    "$pith" build --strip "$tmp/100%d" >"$out" 2>&1 && "$pith" run "$tmp/100%d/100%d.pith" >>"$out" 2>&1 &&
    [ -s "$tmp/100%d/100%d.debug" ] && "$pith" inspect "$tmp/100%d/100%d.pith" | grep -q 'was stripped'
say $? 'a directory may have a % in its name; --strip leaves names out'
order() { "$pith" build --order "$1" -q . -o "$tmp/order-$2.pith" >>"$out" 2>&1; }
write '' '' && : >"$out" && order 7 a && order 7 b && order 8 c &&
    cmp "$tmp/order-a.pith" "$tmp/order-b.pith" &&
    ! cmp -s "$tmp/order-a.pith" "$tmp/order-c.pith" && "$pith" run "$tmp/order-c.pith" >>"$out" 2>&1 &&
    ! order 0 d && grep -q 'a number from 1 to' "$out"
say $? '--order gives a seed its own order, the same every time'
"$pith" build --strict "$root/examples/greeter" -o "$tmp/greeter.pith" >"$out" 2>&1
say $? 'what pith new writes keeps the rules'
exit $bad
