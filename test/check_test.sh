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
        echo "not ok check: $2"
        sed 's/^/# /' "$dir/out" | head -20
        failed=1
    fi
}

# refuses WHAT FILE PATTERN TEXT: with TEXT appended to FILE, check fails and says PATTERN.
refuses() {
    fresh
    printf "$4" >>"$dir/tree/$2"
    ! check --text && grep -q "$2.*$3" "$dir/out"
    say $? "refuses $1"
}

fresh
check
say $? "accepts a clean tree"

refuses "a room above" wire/up.h 'may not include net/ok.h' \
    '#ifndef WIRE_UP_H\n#define WIRE_UP_H\n#include "net/ok.h"\n#endif\n'
refuses "a header that is not there" net/ok.c 'written from the root' '#include "ok.h"\n'
refuses "the C library in an image" net/ok.c '<string.h> in image code' '#include <string.h>\n'
refuses "raw memory in a strict room" net/raw.c 'raw memory' \
    '#include "base/view.h"\n\nvoid raw(u8 *to, const u8 *from)\n{\n    memcpy(to, from, 4);\n}\n'
refuses "malloc in an image" net/raw.c 'C library' 'void *malloc(unsigned long);\nvoid *p;\n'
refuses "a cast between object pointers" net/cast.c 'cast between object pointers' \
    '#include "base/types.h"\n\nu32 cast(u8 *bytes)\n{\n    return *(u32 *)bytes;\n}\n'
refuses "an exemption from the profile" net/ok.c 'no exemption' \
    '\n__attribute__((no_sanitize("undefined"))) void f(void);\n'
refuses "state in a file" net/ok.c 'state in a file' '\nstatic u32 calls;\n'
refuses "a branch of the preprocessor" net/ok.c '#if outside' '\n#ifdef FAST\n#endif\n'
refuses "a header without a guard" net/bare.h 'no header guard' '#include "base/types.h"\n'
refuses "a typedef of a struct" net/ok.h 'typedef' '\ntypedef struct ok ok;\n'
refuses "work left undone" net/ok.c 'belongs to the issues' '\n/* TO''DO: the rest */\n'
refuses "a long line" net/ok.c '1[0-9][0-9] columns' "\n/* $(printf '%0110d' 0) */\n"
refuses "a tab" net/ok.c 'tab' '\n/*\there */\n'
refuses "a blank at the end" net/ok.c 'blank at the end' '\n/* here */ \n'
refuses "no newline at the end" net/ok.c 'no newline' '\n/* here */'
refuses "strcat in the command" pith/x.c 'without a bound' \
    'void f(char *a, char *b)\n{\n    strcat(a, b);\n}\n'

# Complaints of other tools name them first.
fresh
printf '#ifndef NET_LONE_H\n#define NET_LONE_H\n\nu32 lone(void);\n\n#endif\n' >"$dir/tree/net/lone.h"
! check && grep -q 'headers compile alone' "$dir/out" && grep -q 'net/lone.h' "$dir/out"
say $? "refuses a header that does not bring what it needs"
fresh
printf '\nextern int  x ;\n' >>"$dir/tree/net/ok.c"
! check && grep -q 'net/ok.c.*clang-format' "$dir/out"
say $? "refuses another layout"
fresh
printf '\nstatic int second(int x)\n{\n    int y;\n    return x;\n}\n' >>"$dir/tree/net/ok.c"
! check && grep -q '^gcc' "$dir/out"
say $? "asks gcc as well"

exit $failed
