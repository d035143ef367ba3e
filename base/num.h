/* Numbers: checked arithmetic for sizes from outside, explicit wrapping for the
 * few that wrap by design, narrowing that traps, and byte order. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include "base/types.h"

/* True when the exact result does not fit `*out` (C23's names). */
#define ckd_add(out, a, b) __builtin_add_overflow(a, b, out)
#define ckd_sub(out, a, b) __builtin_sub_overflow(a, b, out)
#define ckd_mul(out, a, b) __builtin_mul_overflow(a, b, out)

#define MIN(a, b)                               \
    __extension__({                             \
        __typeof__(a) min_a_ = (a);             \
        __typeof__(b) min_b_ = (b);             \
        min_a_ < min_b_ ? min_a_ : min_b_;      \
    })
#define MAX(a, b)                               \
    __extension__({                             \
        __typeof__(a) max_a_ = (a);             \
        __typeof__(b) max_b_ = (b);             \
        max_a_ > max_b_ ? max_a_ : max_b_;      \
    })

/* The same number in fewer bits; one that does not fit traps. */
/*@ requires x <= UINT8_MAX; assigns \nothing; ensures \result == x; */
static inline u8 to_u8(u64 x)
{
    must_fit(x <= UINT8_MAX);
    return (u8)x;
}

/*@ requires x <= UINT16_MAX; assigns \nothing; ensures \result == x; */
static inline u16 to_u16(u64 x)
{
    must_fit(x <= UINT16_MAX);
    return (u16)x;
}

/*@ requires x <= UINT32_MAX; assigns \nothing; ensures \result == x; */
static inline u32 to_u32(u64 x)
{
    must_fit(x <= UINT32_MAX);
    return (u32)x;
}

/* Modulo 2^n, as the specification at hand asks for. */
/*@ assigns \nothing; ensures \result == (a + b) % 0x10000; */
wraps static inline u16 wrap_add16(u16 a, u16 b)
{
    return (u16)(a + b);
}

/*@ assigns \nothing; ensures \result == (a + b) % 0x100000000; */
wraps static inline u32 wrap_add32(u32 a, u32 b)
{
    return a + b;
}

/*@ assigns \nothing; */
wraps static inline u32 wrap_sub32(u32 a, u32 b)
{
    return a - b;
}

/*@ assigns \nothing; */
wraps static inline u64 wrap_add64(u64 a, u64 b)
{
    return a + b;
}

/*@ assigns \nothing; */
wraps static inline u64 wrap_mul64(u64 a, u64 b)
{
    return a * b;
}

/* One more of what is only told: a count of events, which 64 bits hold for ever. */
wraps static inline void count_event(u64 *counter)
{
    *counter += 1;
}

/* a - b, or 0 when b is the larger. */
/*@ assigns \nothing; ensures \result == (a > b ? a - b : 0); */
static inline u64 sat_sub(u64 a, u64 b)
{
    return a > b ? a - b : 0;
}

/* a + b, or the largest number when that does not fit: deadlines. */
/*@ assigns \nothing; ensures \result == (a + b > UINT64_MAX ? UINT64_MAX : a + b); */
static inline u64 sat_add(u64 a, u64 b)
{
    u64 sum;
    return ckd_add(&sum, a, b) ? UINT64_MAX : sum;
}

/* The smallest multiple of `align` (a power of two) that is >= x. */
/*@ requires align > 0 && x + align - 1 <= SIZE_MAX; assigns \nothing; ensures \result <= x + align - 1; */
static inline size_t align_up(size_t x, size_t align)
{
    return (x + align - 1) & ~(align - 1);
}

/*@ assigns \nothing; ensures \result == (x % 256) * 256 + x / 256; */
static inline u16 swap16(u16 x)
{
    return __builtin_bswap16(x);
}

/*@ assigns \nothing; */
static inline u32 swap32(u32 x)
{
    return __builtin_bswap32(x);
}

#endif
