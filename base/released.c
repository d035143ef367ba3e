#include "base/released.h"

#include "base/num.h"

typedef u64 word __attribute__((may_alias));
typedef u64 pair __attribute__((may_alias, aligned(8), vector_size(16)));

/* The whole words of n bytes from p on; *first is where they begin. */
static size_t words_of(const u8 *p, size_t n, const u8 **first)
{
    size_t skipped = align_up((uintptr_t)p, sizeof(u64)) - (uintptr_t)p;
    *first = p + skipped;
    return n > skipped ? (n - skipped) / sizeof(u64) : 0;
}

void mark_released(struct span s)
{
    const u8 *first;
    size_t n = words_of(s.p, s.n, &first);
    word *w = (word *)(uintptr_t)first;
    const pair both = {RELEASED_WORD, RELEASED_WORD};
    for (; n >= 2; n -= 2, w += 2)
        *(pair *)w = both;
    if (n > 0)
        *w = RELEASED_WORD;
}

bool still_released(struct view v)
{
    const u8 *first;
    size_t n = words_of(v.p, v.n, &first);
    const word *w = (const word *)first;
    const pair both = {RELEASED_WORD, RELEASED_WORD};
    pair changed = {0};
    for (; n >= 2; n -= 2, w += 2)
        changed |= *(const pair *)w ^ both;
    return (changed[0] | changed[1]) == 0 && (n == 0 || *w == RELEASED_WORD);
}
