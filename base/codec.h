/* Reader and writer: straight-line decoding and encoding with a sticky failure.
 * Take every field, then look once at `bad` (or `full`). A failed read gives
 * zeroes and empty views and stays failed; a failed write writes nothing more.
 * `be` is network byte order, `le` little-endian. Neither owns its bytes. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include "base/view.h"

struct reader {
    struct view rest; /* what is still to be read */
    bool bad;
};

static inline struct reader reader_of(struct view v)
{
    return (struct reader){.rest = v};
}

/* The next n bytes, in place. */
struct view get_bytes(struct reader *r, size_t n);

static inline void get_skip(struct reader *r, size_t n)
{
    (void)get_bytes(r, n);
}

static inline u8 load_u8(struct view v, size_t at);
static inline u16 load_be16(struct view v, size_t at);
static inline u32 load_be32(struct view v, size_t at);
static inline u64 load_be64(struct view v, size_t at);
static inline u16 load_le16(struct view v, size_t at);
static inline u32 load_le32(struct view v, size_t at);
static inline u64 load_le64(struct view v, size_t at);
static inline void store_be16(struct span s, size_t at, u16 x);
static inline void store_be32(struct span s, size_t at, u32 x);
static inline void store_be64(struct span s, size_t at, u64 x);
static inline void store_le16(struct span s, size_t at, u16 x);
static inline void store_le32(struct span s, size_t at, u32 x);
static inline void store_le64(struct span s, size_t at, u64 x);

#ifdef __clang__
#pragma clang unsafe_buffer_usage begin
#endif
#define BASE_LOAD(name, type, swap)                          \
    static inline type load_##name(struct view v, size_t at) \
    {                                                        \
        type x;                                              \
        struct view b = view_sub(v, at, sizeof x);           \
        __builtin_memcpy(&x, b.p, sizeof x);                 \
        return swap(x);                                      \
    }
#define BASE_STORE(name, type, swap)                                  \
    static inline void store_##name(struct span s, size_t at, type x) \
    {                                                                 \
        type y = swap(x);                                             \
        struct span b = span_sub(s, at, sizeof y);                    \
        __builtin_memcpy(b.p, &y, sizeof y);                          \
    }
#define BASE_SAME(x) (x)
BASE_LOAD(u8, u8, BASE_SAME)
BASE_LOAD(be16, u16, __builtin_bswap16)
BASE_LOAD(be32, u32, __builtin_bswap32)
BASE_LOAD(be64, u64, __builtin_bswap64)
BASE_LOAD(le16, u16, BASE_SAME)
BASE_LOAD(le32, u32, BASE_SAME)
BASE_LOAD(le64, u64, BASE_SAME)
BASE_STORE(be16, u16, __builtin_bswap16)
BASE_STORE(be32, u32, __builtin_bswap32)
BASE_STORE(be64, u64, __builtin_bswap64)
BASE_STORE(le16, u16, BASE_SAME)
BASE_STORE(le32, u32, BASE_SAME)
BASE_STORE(le64, u64, BASE_SAME)
#undef BASE_LOAD
#undef BASE_STORE
#undef BASE_SAME
#ifdef __clang__
#pragma clang unsafe_buffer_usage end
#endif

u8 get_u8(struct reader *r);
u16 get_be16(struct reader *r);
u32 get_be32(struct reader *r);
u64 get_be64(struct reader *r);
u16 get_le16(struct reader *r);
u32 get_le32(struct reader *r);
u64 get_le64(struct reader *r);

struct writer {
    struct span out;
    size_t n; /* bytes written so far */
    bool full;
};

static inline struct writer writer_of(struct span s)
{
    return (struct writer){.out = s};
}

static inline struct view written(const struct writer *w)
{
    return view_of(span_first(w->out, w->n));
}

/* Room for the next n bytes; an empty span when there is none. */
struct span put_room(struct writer *w, size_t n);
void put_bytes(struct writer *w, struct view v);
void put_zeroes(struct writer *w, size_t n);
void put_u8(struct writer *w, u8 x);
void put_be16(struct writer *w, u16 x);
void put_be32(struct writer *w, u32 x);
void put_be64(struct writer *w, u64 x);
void put_le16(struct writer *w, u16 x);
void put_le32(struct writer *w, u32 x);
void put_le64(struct writer *w, u64 x);

#endif
