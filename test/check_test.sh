#!/bin/sh
# make check itself: it accepts a small clean tree and refuses each way to break a rule.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/pith-check.XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0

# A tree with base/, sig/ and one clean module in net/.
fresh() {
    rm -rf "$dir/tree"
    mkdir -p "$dir/tree/net" "$dir/tree/wire" "$dir/tree/pith" "$dir/tree/.ci" "$dir/tree/test"
    cp -r "$root/base" "$root/sig" "$root/.clang-format" "$dir/tree/"
    printf '#include "net/ok.h"\n\nu32 ok_twice(u32 x)\n{\n    return 2 * x;\n}\n' >"$dir/tree/net/ok.c"
    printf '/* Doubling. */\n#ifndef NET_OK_H\n#define NET_OK_H\n\n' >"$dir/tree/net/ok.h"
    printf '#include "base/types.h"\n\nu32 ok_twice(u32 x);\n\n#endif\n' >>"$dir/tree/net/ok.h"
}

check() { python3 "$root/test/check.py" "$@" "$dir/tree" >"$dir/out" 2>&1; }

say() {
    if [ "$1" = 0 ]; then
        echo "ok check: $2"
    else
        sed 's/^/# /' "$dir/out" | head -40
        echo "not ok check: $2"
        failed=1
    fi
}

fresh
check
say $? "accepts a clean tree"

# What looks like a breach and is none.
fresh
cat >>"$dir/tree/net/ok.c" <<'END'

/* Bound: as deep as n, which is at most 3. */
static u32 ok_deep(u32 n)
{
    return n == 0 ? 0 : ok_deep(n - 1);
}

/* malloc(1) in a comment, and in a text. */
static const u8 text = 0; /* char text[4] */

enum err ok_drop(struct ok *o);

enum err ok_wait(u64 deadline, struct ok *o, struct view v)
{
    (void)o;
    (void)ok_drop(o); /* it has been waited for */
    for (;;) { /* Bound: an operation less each turn. */
        if (o->free(o) == ok_deep(o->n--) * sizeof(struct ok *))
            break;
    }
    for (; v.n > 0; v = view_from(v, 1))
        if (view_eq(v, VIEW("memcpy(to, (u8 *)from, 4); asm for (;;)")))
            TRY(ok_sleep(deadline));
    while (ok_next(&v))
        o->n++;
    do {
        v = view_from(v, 1);
    } while (v.n > 0);
    for (;;)
        TRY(ok_sleep(deadline));
}
END
check --text
say $? "accepts what only looks like a breach"
fresh

# A breach in a file of its own, what it is, and what check must say of that file. All
# are planted in one tree, which is looked at once.
plant() {
    printf "$4" >"$dir/tree/$1"
    echo "$1|$2|$3" >>"$dir/planted"
}
plant wire/up.h "a room above" 'may not include net/ok.h' \
    '#ifndef WIRE_UP_H\n#define WIRE_UP_H\n#include "net/ok.h"\n#endif\n'
plant net/lost.c "a header that is not there" 'written from the root' '#include "ok.h"\n'
plant net/libc.c "the C library in an image" '<string.h> in image code' '#include <string.h>\n'
plant net/raw.c "raw memory in a strict room" 'memcpy: raw memory: copy()' \
    '#include "base/view.h"\n\nvoid raw(u8 *to, const u8 *from)\n{\n    memcpy(to, from, 4);\n}\n'
plant net/builtin.c "raw memory by another name" '__builtin_memset: raw memory: fill()' \
    'void f(char *p)\n{\n    __builtin_memset(p, 0, 4);\n}\n'
plant net/heap.c "malloc in an image" 'malloc: there is no malloc: memory comes from arenas' \
    'void *f(void)\n{\n    return malloc(1);\n}\n'
plant base/heap.c "malloc in base" 'there is no malloc' 'void *f(void)\n{\n    return malloc(1);\n}\n'
plant net/cast.c "a cast between object pointers" '5: cast to a pointer: CONTAINER' \
    '#include "base/types.h"\n\nu32 cast(u8 *bytes)\n{\n    return *(u32 *)bytes;\n}\n'
plant net/scope.c "a scope that no block ends" 'SCOPE(id, name)' \
    '#include "fiber/fiber.h"\n\nstruct server {\n    struct scope workers;\n};\n'
plant net/letters.c "an array of char" 'array of char' 'void f(void)\n{\n    char tag[4] = "GREP";\n}\n'
plant net/joint.c "a view made by hand" 'pointer and length joined' \
    '#include "base/view.h"\n\nstruct view f(u8 *p)\n{\n    return (struct view){p, 9};\n}\n'
plant net/slice.c "a slice made by hand" 'pointer and length joined' \
    '#include "base/types.h"\n\nSLICE(oks, u32);\nvoid f(u32 *p)\n{\n    struct oks o = {p, 9};\n}\n'
plant net/asm.c "assembly in a strict room" 'assembly has no rules' \
    'void f(void)\n{\n    __asm__("nop");\n}\n'
plant net/exempt.c "an exemption from the profile" 'no exemption' \
    '__attribute__((no_sanitize("undefined"))) void f(void);\n'
plant net/deep.c "recursion without a bound" '2: recursion of deep: .*Bound' \
    '\nint deep(int n)\n{\n    return n == 0 ? 0 : deep(n - 1);\n}\n'
plant net/circle.c "a circle of functions" 'recursion of here, there: ' \
    'void here(void);\nvoid there(void)\n{\n    here();\n}\nvoid here(void)\n{\n    there();\n}\n'
plant net/spin.c "an endless loop that never waits" '3: an endless loop that never waits' \
    'void spin(int *n)\n{\n    for (;;)\n        ++*n;\n}\n'
plant net/stuck.c "a loop that changes nothing it waits for" '4: a loop without an end' \
    '#include "base/view.h"\nint stuck(struct view v, int n)\n{\n    while (v.n)\n        n++;\n}\n'
plant net/drop.c "an error that is thrown away" '5: the error of drop_one is thrown away' \
    '#include "base/err.h"\nenum err drop_one(void);\nvoid drop(void)\n{\n    (void)drop_one();\n}\n'
plant net/state.c "state in a file" 'state in a file' 'static int calls;\n'
plant net/branch.c "a branch of the preprocessor" '#if outside' '#ifdef FAST\n#endif\n'
plant net/bare.h "a header without a guard" 'no header guard' '#include "base/types.h"\n'
plant net/typedef.c "a typedef of a struct" 'typedef' 'typedef struct ok ok;\n'
plant net/undone.c "work left undone" 'belongs to the issues' '/* TO''DO: the rest */\n'
plant net/long.c "a long line" '1[0-9][0-9] columns' "/* $(printf '%0110d' 0) */\n"
plant net/tab.c "a tab" 'tab' '/*\there */\n'
plant net/blank.c "a blank at the end" 'blank at the end' '/* here */ \n'
plant net/end.c "no newline at the end" 'no newline' '/* here */'
plant net/file.c "a file too long" 'is the limit of a file' "$(printf '\\n%.0s' $(seq 900))int x;\n"
plant pith/x.c "strcat in the command" 'without a bound' \
    'void f(char *a, char *b)\n{\n    strcat(a, b);\n}\n'
check --text
refused=$?
while IFS='|' read -r file what pattern; do
    [ $refused != 0 ] && grep -q "^$file:.*$pattern" "$dir/out"
    say $? "refuses $what"
done <"$dir/planted"

# Complaints of other tools name the tool first.
fresh
printf '#ifndef NET_LONE_H\n#define NET_LONE_H\n\nu32 lone(void);\n\n#endif\n' >"$dir/tree/net/lone.h"
printf '\nextern int  x ;\n' >>"$dir/tree/net/ok.h"
printf '\nstatic int second(int x)\n{\n    int y;\n    return x;\n}\n' >>"$dir/tree/net/ok.c"
check
refused=$?
[ $refused != 0 ] && grep -q '^headers compile alone' "$dir/out" && grep -q '^net/lone.h' "$dir/out"
say $? "refuses a header that does not bring what it needs"
[ $refused != 0 ] && grep -q '^net/ok.h: clang-format' "$dir/out"
say $? "refuses another layout"
[ $refused != 0 ] && grep -q '^gcc' "$dir/out"
say $? "asks gcc as well"
exit $failed
