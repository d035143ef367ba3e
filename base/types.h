/* The words every other file is written in: fixed-width integers, the checked
 * array access AT, the typed container step, and the attributes the house uses. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

#define must_use __attribute__((warn_unused_result))
#define noreturn_ __attribute__((noreturn))
/* Not inlined into its only caller: the two are smaller apart, with fewer variables each. */
#define apart __attribute__((noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The bytes wrap on purpose: hashes, checksums, sequence numbers, random numbers. */
#ifdef __clang__
#define wraps __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base", \
                                         "implicit-integer-truncation")))
#define must_use_type must_use /* of an enum: every function that answers one */
#else
#define wraps
#define must_use_type
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The element of a true array at a variable index; an index out of range traps. */
#define AT(array, index)                                                                        \
    (*(__typeof__(&(array)[0]))at_((const void *)(array), sizeof((array)[0]), COUNT(array), (index)))

/* The struct of which `pointer` is the field `member`. */
#define CONTAINER(pointer, type, member) \
    ((type *)container_((1 ? (pointer) : &((type *)NULL)->member), offsetof(type, member)))

inline void *at_(const void *array, size_t size, size_t count, size_t index);
inline void *part_(const void *first, size_t size, size_t count, size_t skip, size_t n);
inline void *container_(const void *member, size_t offset);

#include "base/trap.h"

#ifdef __clang__
#pragma clang unsafe_buffer_usage begin
#endif
__attribute__((always_inline)) inline void *at_(const void *array, size_t size, size_t count, size_t index)
{
    must_in_bounds(index < count);
    return (u8 *)array + index * size;
}

__attribute__((always_inline)) inline void *part_(const void *first, size_t size, size_t count, size_t skip,
                                                  size_t n)
{
    must_in_bounds(skip <= count && n <= count - skip);
    return (u8 *)first + skip * size;
}

__attribute__((always_inline)) inline void *container_(const void *member, size_t offset)
{
    return (u8 *)member - offset;
}
#ifdef __clang__
#pragma clang unsafe_buffer_usage end
#endif

/* An array whose length is known at run time: `SLICE(conns, struct conn)` declares
 * `struct conns {p, n}`, `conns_at(slice, index)`, and `conns_part(slice, skip, n)`, the
 * n elements from `skip` on; both trap out of range. A slice begins as SLICE_OF, SLICE_ONE
 * or NEW_SLICE (base/arena.h), so that its length is true. */
#define SLICE(name, type)                                                        \
    struct name {                                                                \
        type *p;                                                                 \
        size_t n;                                                                \
    };                                                                           \
    static inline __attribute__((unused)) type *name##_at(struct name slice, size_t index) \
    {                                                                            \
        return at_(slice.p, sizeof(type), slice.n, index);                       \
    }                                                                            \
    static inline __attribute__((unused)) struct name name##_part(struct name slice, size_t skip, size_t n) \
    {                                                                            \
        return (struct name){part_(slice.p, sizeof(type), slice.n, skip, n), n}; \
    }                                                                            \
    _Static_assert(sizeof(type) > 0, "a slice of nothing")

/* The slice of a whole array, and of one object. */
#define SLICE_OF(name, array) ((struct name){(array), COUNT(array)})
#define SLICE_ONE(name, pointer) ((struct name){(pointer), 1})

#endif
