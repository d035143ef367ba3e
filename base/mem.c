/* memcpy and its kin for images, which have no C library. Small sizes by
 * overlapping loads, large ones by `rep movsb` (fast on every CPU with ERMS). */
#include "base/mem.h"

typedef u64 word __attribute__((may_alias, aligned(1)));
typedef u64 wide __attribute__((may_alias, aligned(1), vector_size(16)));
typedef u32 half __attribute__((may_alias, aligned(1)));
typedef u16 quarter __attribute__((may_alias, aligned(1)));

enum { REP_FROM = 512 }; /* from here on `rep` beats a loop of 16-byte moves */

/* Loads everything before it stores anything, so overlap is harmless. */
static inline void move_to_32(u8 *d, const u8 *s, size_t n)
{
    if (n >= 16) {
        wide a = *(const wide *)s, b = *(const wide *)(s + n - 16);
        *(wide *)d = a;
        *(wide *)(d + n - 16) = b;
    } else if (n >= 8) {
        word a = *(const word *)s, b = *(const word *)(s + n - 8);
        *(word *)d = a;
        *(word *)(d + n - 8) = b;
    } else if (n >= 4) {
        half a = *(const half *)s, b = *(const half *)(s + n - 4);
        *(half *)d = a;
        *(half *)(d + n - 4) = b;
    } else if (n >= 2) {
        quarter a = *(const quarter *)s, b = *(const quarter *)(s + n - 2);
        *(quarter *)d = a;
        *(quarter *)(d + n - 2) = b;
    } else if (n == 1) {
        *d = *s;
    }
}

static inline void rep_movsb(u8 *d, const u8 *s, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    u8 *d = to;
    const u8 *s = from;
    if (n <= 32) {
        move_to_32(d, s, n);
        return to;
    }
    if (n >= REP_FROM) {
        rep_movsb(d, s, n);
        return to;
    }
    wide last = *(const wide *)(s + n - 16), before = *(const wide *)(s + n - 32);
    u8 *end = d + n;
    for (; n > 32; n -= 32, d += 32, s += 32) {
        wide a = *(const wide *)s, b = *(const wide *)(s + 16);
        *(wide *)d = a;
        *(wide *)(d + 16) = b;
    }
    *(wide *)(end - 32) = before;
    *(wide *)(end - 16) = last;
    return to;
}

/* Whether copying upwards overwrites nothing that is still to be copied. The
 * distance wraps where `d` lies below `s`. */
wraps static inline bool upwards(const u8 *d, const u8 *s, size_t n)
{
    return (uintptr_t)d - (uintptr_t)s >= n;
}

void *memmove(void *to, const void *from, size_t n)
{
    u8 *d = to;
    const u8 *s = from;
    if (n <= 32) {
        move_to_32(d, s, n);
    } else if (upwards(d, s, n)) {
        if (n >= REP_FROM) {
            rep_movsb(d, s, n);
            return to;
        }
        for (; n >= 16; n -= 16, d += 16, s += 16)
            *(wide *)d = *(const wide *)s;
        move_to_32(d, s, n);
    } else {
        for (; n >= 16; n -= 16)
            *(wide *)(d + n - 16) = *(const wide *)(s + n - 16);
        move_to_32(d, s, n);
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    u8 *d = to;
    if (n >= REP_FROM) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"((u8)byte) : "memory");
        return to;
    }
    word pattern = 0x0101010101010101ull * (u8)byte;
    if (n >= 16) {
        const wide both = {pattern, pattern};
        u8 *last = d + n - 16;
        for (; d < last; d += 16)
            *(wide *)d = both;
        *(wide *)last = both;
    } else if (n >= 8) {
        *(word *)d = pattern;
        *(word *)(d + n - 8) = pattern;
    } else {
        for (; n > 0; n--, d++)
            *(volatile u8 *)d = (u8)byte;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    while (n >= 8 && *(const word *)x == *(const word *)y) {
        x += 8;
        y += 8;
        n -= 8;
    }
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (((const volatile char *)text)[n])
        n++;
    return n;
}
