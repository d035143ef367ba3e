/* Sixteen bytes at a time with SSE2, which every x86-64 has: one question to all of
 * them, and the answer as a bit each, the lowest for the first byte. */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include "base/view.h"

enum { BLOCK = 16 };

typedef u8 block __attribute__((vector_size(BLOCK)));

/* The block that lies `at` bytes into v; one that does not, traps. */
static inline block block_at(struct view v, size_t at)
{
    block b;
    __builtin_memcpy(&b, view_sub(v, at, sizeof b).p, sizeof b);
    return b;
}

static inline u32 block_bits(block yes)
{
    return (u32)__builtin_ia32_pmovmskb128((__attribute__((vector_size(BLOCK))) char)yes);
}

static inline u32 block_is(struct view v, size_t at, u8 byte)
{
    return block_bits((block)(block_at(v, at) == byte));
}

static inline u32 block_is_control(struct view v, size_t at)
{
    block b = block_at(v, at);
    return block_bits((block)(((b < 0x20) & (b != '\t')) | (b == 0x7f)));
}

static inline u32 block_is_word(struct view v, size_t at)
{
    block b = block_at(v, at), lower = b | 0x20;
    return block_bits(
        (block)(((lower >= 'a') & (lower <= 'z')) | ((b >= '0') & (b <= '9')) | (b == '-') | (b == '_')));
}

#endif
