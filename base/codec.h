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

/*@ predicate inside(struct reader r) = readable(r.rest);
    // One step: forward by n bytes, or failed where it stood; and failed once is failed for good.
    predicate step{A, B}(struct reader *r, integer n) =
        (\at(r->bad || n > r->rest.n, A) ?
             \at(r->bad, B) && \at(r->rest.p, B) == \at(r->rest.p, A) &&
    \at(r->rest.n, B) == \at(r->rest.n, A) :
             !\at(r->bad, B) && \at(r->rest.p, B) == \at(r->rest.p, A) + n &&
                 \at(r->rest.n, B) == \at(r->rest.n, A) - n); */

/*@ assigns \nothing; ensures !\result.bad && same(\result.rest, v); */
static inline struct reader reader_of(struct view v)
{
    return (struct reader){.rest = v};
}

/* The next n bytes, in place. */
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, n) && inside(*r);
    ensures r->bad ? \result.n == 0 : part(\result, \old(r->rest), 0, n);
    ensures readable(\result); */
struct view get_bytes(struct reader *r, size_t n);

/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, n) && inside(*r); */
static inline void get_skip(struct reader *r, size_t n)
{
    (void)get_bytes(r, n);
}

/* A number at a place of a view or span, which traps where it does not lie in it. */
/*@ requires at + 1 <= v.n && readable(v); assigns \nothing; ensures \result == v.p[at]; */
static inline u8 load_u8(struct view v, size_t at);
/*@ requires at + 2 <= v.n && readable(v); assigns \nothing;
    ensures \result == v.p[at] * 256 + v.p[at + 1]; */
static inline u16 load_be16(struct view v, size_t at);
/*@ requires at + 4 <= v.n && readable(v); assigns \nothing; */
static inline u32 load_be32(struct view v, size_t at);
/*@ requires at + 8 <= v.n && readable(v); assigns \nothing; */
static inline u64 load_be64(struct view v, size_t at);
/*@ requires at + 2 <= v.n && readable(v); assigns \nothing;
    ensures \result == v.p[at] + v.p[at + 1] * 256; */
static inline u16 load_le16(struct view v, size_t at);
/*@ requires at + 4 <= v.n && readable(v); assigns \nothing; */
static inline u32 load_le32(struct view v, size_t at);
/*@ requires at + 8 <= v.n && readable(v); assigns \nothing; */
static inline u64 load_le64(struct view v, size_t at);
/*@ requires at + 2 <= s.n && writable(s); assigns s.p[at .. at + 1]; */
static inline void store_be16(struct span s, size_t at, u16 x);
/*@ requires at + 4 <= s.n && writable(s); assigns s.p[at .. at + 3]; */
static inline void store_be32(struct span s, size_t at, u32 x);
/*@ requires at + 8 <= s.n && writable(s); assigns s.p[at .. at + 7]; */
static inline void store_be64(struct span s, size_t at, u64 x);
/*@ requires at + 2 <= s.n && writable(s); assigns s.p[at .. at + 1]; */
static inline void store_le16(struct span s, size_t at, u16 x);
/*@ requires at + 4 <= s.n && writable(s); assigns s.p[at .. at + 3]; */
static inline void store_le32(struct span s, size_t at, u32 x);
/*@ requires at + 8 <= s.n && writable(s); assigns s.p[at .. at + 7]; */
static inline void store_le64(struct span s, size_t at, u64 x);

#ifdef __clang__
#pragma clang unsafe_buffer_usage begin
#endif
/* Numbers in the machine's order, at any alignment. */
#define BASE_PEEK(type)                                 \
    static inline type peek_##type(const u8 *p)         \
    {                                                   \
        type x;                                         \
        __builtin_memcpy(&x, p, sizeof x);              \
        return x;                                       \
    }                                                   \
    static inline void poke_##type(u8 *p, type x)       \
    {                                                   \
        __builtin_memcpy(p, &x, sizeof x);              \
    }
/*@ requires \valid_read(p + (0 .. 1)); assigns \nothing; ensures \result == p[0] + p[1] * 256; */
static inline u16 peek_u16(const u8 *p);
/*@ requires \valid_read(p + (0 .. 3)); assigns \nothing; */
static inline u32 peek_u32(const u8 *p);
/*@ requires \valid_read(p + (0 .. 7)); assigns \nothing; */
static inline u64 peek_u64(const u8 *p);
/*@ requires \valid(p + (0 .. 1)); assigns p[0 .. 1]; */
static inline void poke_u16(u8 *p, u16 x);
/*@ requires \valid(p + (0 .. 3)); assigns p[0 .. 3]; */
static inline void poke_u32(u8 *p, u32 x);
/*@ requires \valid(p + (0 .. 7)); assigns p[0 .. 7]; */
static inline void poke_u64(u8 *p, u64 x);
BASE_PEEK(u16)
BASE_PEEK(u32)
BASE_PEEK(u64)
#undef BASE_PEEK

static inline u8 load_u8(struct view v, size_t at)
{
    return view_at(v, at);
}

#define BASE_LOAD(name, type, swap)                          \
    static inline type load_##name(struct view v, size_t at) \
    {                                                        \
        struct view b = view_sub(v, at, sizeof(type));       \
        return swap(peek_##type(b.p));                       \
    }
#define BASE_STORE(name, type, swap)                                  \
    static inline void store_##name(struct span s, size_t at, type x) \
    {                                                                 \
        struct span b = span_sub(s, at, sizeof x);                    \
        poke_##type(b.p, swap(x));                                    \
    }
#define BASE_SAME(x) (x)
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

/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 1) && inside(*r); */
u8 get_u8(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 2) && inside(*r); */
u16 get_be16(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 4) && inside(*r); */
u32 get_be32(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 8) && inside(*r); */
u64 get_be64(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 2) && inside(*r); */
u16 get_le16(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 4) && inside(*r); */
u32 get_le32(struct reader *r);
/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 8) && inside(*r); */
u64 get_le64(struct reader *r);

struct writer {
    struct span out;
    size_t n; /* bytes written so far */
    bool full;
};

/*@ predicate open(struct writer w) = w.n <= w.out.n && writable(w.out);
    // n more bytes, or full and as it was; full once is full for good.
    predicate put{A, B}(struct writer *w, integer n) =
        open{B}(\at(*w, B)) && (\at(w->full, B) <==> \at(w->full || n > w->out.n - w->n, A)) &&
            \at(w->n, B) == \at(w->n, A) + (\at(w->full, B) ? 0 : n);
    // The same of several steps, of which some may have been made before it was full.
    predicate wrote{A, B}(struct writer *w, integer n) =
        open{B}(\at(*w, B)) && (\at(w->full, A) ==> \at(w->full, B)) && \at(w->n, A) <= \at(w->n, B) &&
            (\at(w->full, B) || \at(w->n, B) == \at(w->n, A) + n); */

/*@ assigns \nothing; ensures \result.n == 0 && !\result.full && \result.out.p == s.p &&
    \result.out.n == s.n; */
static inline struct writer writer_of(struct span s)
{
    return (struct writer){.out = s};
}

/*@ requires \valid_read(w) && open(*w); assigns \nothing;
    ensures \result.p == w->out.p && \result.n == w->n; */
struct view written(const struct writer *w);

/* Room for the next n bytes; an empty span when there is none. */
/*@ requires \valid(w) && open(*w); assigns w->n, w->full; ensures open(*w);
    ensures w->full <==> \old(w->full || n > w->out.n - w->n);
    ensures w->full ? \result.n == 0 && w->n == \old(w->n) :
        \result.p == w->out.p + \old(w->n) && \result.n == n && w->n == \old(w->n) + n; */
struct span put_room(struct writer *w, size_t n);
/*@ requires \valid(w) && open(*w) && readable(v);
    requires \separated(w->out.p + (0 .. w->out.n - 1), v.p + (0 .. v.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, v.n); */
void put_bytes(struct writer *w, struct view v);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, n); */
void put_zeroes(struct writer *w, size_t n);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 1); */
void put_u8(struct writer *w, u8 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 2); */
void put_be16(struct writer *w, u16 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 4); */
void put_be32(struct writer *w, u32 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 8); */
void put_be64(struct writer *w, u64 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 2); */
void put_le16(struct writer *w, u16 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 4); */
void put_le32(struct writer *w, u32 x);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, 8); */
void put_le64(struct writer *w, u64 x);

#endif
