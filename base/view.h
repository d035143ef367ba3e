/* Views and spans: a pointer that never travels without its length. A view is
 * for reading, a span for writing. Neither owns its memory. Every access is
 * checked; one out of range traps (TRAP_BOUNDS). Nothing here blocks or fails. */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include "base/err.h"
#include "base/mem.h"
#include "base/types.h"

struct view {
    const u8 *p;
    size_t n;
};

struct span {
    u8 *p;
    size_t n;
};

/* What `make prove` (doc/proofs.md) takes and shows of every view and span. */
/*@ predicate readable(struct view v) = \valid_read(v.p + (0 .. v.n - 1));
    predicate writable(struct span s) = \valid(s.p + (0 .. s.n - 1));
    predicate same(struct view a, struct view b) = a.p == b.p && a.n == b.n;
    predicate part(struct view v, struct view of, integer at, integer n) = v.p == of.p + at && v.n == n; */

#define VIEW_NONE ((struct view){0})
#define SPAN_NONE ((struct span){0})

/* The view of a string literal, without its final zero. */
#define VIEW(literal) ((struct view){(const u8 *)("" literal ""), sizeof(literal) - 1})

/* The view or span of a whole array or object. */
#define VIEW_OF(object) ((struct view){(const u8 *)&(object), sizeof(object)})
#define SPAN_OF(object) ((struct span){(u8 *)&(object), sizeof(object)})

#ifdef __clang__
#pragma clang unsafe_buffer_usage begin
#endif

/*@ assigns \nothing; ensures \result.p == s.p && \result.n == s.n; */
static inline struct view view_of(struct span s)
{
    return (struct view){s.p, s.n};
}

/* The view of a zero-terminated string of our own making (never of outside data). */
/*@ assigns \nothing; ensures readable(\result); */
static inline struct view view_z(const char *text)
{
    return (struct view){(const u8 *)text, strlen(text)};
}

/*@ requires i < v.n && readable(v); assigns \nothing; ensures \result == v.p[i]; */
static inline u8 view_at(struct view v, size_t i)
{
    must_in_bounds(i < v.n);
    return v.p[i];
}

/*@ requires i < s.n && writable(s); assigns \nothing; ensures \result == s.p[i]; */
static inline u8 span_at(struct span s, size_t i)
{
    must_in_bounds(i < s.n);
    return s.p[i];
}

/*@ requires i < s.n && writable(s); assigns s.p[i]; ensures s.p[i] == byte; */
static inline void span_set(struct span s, size_t i, u8 byte)
{
    must_in_bounds(i < s.n);
    s.p[i] = byte;
}

/* All but the first `skip` bytes. */
/*@ requires skip <= v.n; assigns \nothing; ensures \result.p == v.p + skip && \result.n == v.n - skip; */
static inline struct view view_from(struct view v, size_t skip)
{
    must_in_bounds(skip <= v.n);
    return (struct view){v.p + skip, v.n - skip};
}

/* The first `n` bytes. */
/*@ requires n <= v.n; assigns \nothing; ensures \result.p == v.p && \result.n == n; */
static inline struct view view_first(struct view v, size_t n)
{
    must_in_bounds(n <= v.n);
    return (struct view){v.p, n};
}

/* `n` bytes from `skip` on. */
/*@ requires skip + n <= v.n; assigns \nothing; ensures \result.p == v.p + skip && \result.n == n; */
static inline struct view view_sub(struct view v, size_t skip, size_t n)
{
    must_in_bounds(skip <= v.n && n <= v.n - skip);
    return (struct view){v.p + skip, n};
}

/*@ requires skip <= s.n; assigns \nothing; ensures \result.p == s.p + skip && \result.n == s.n - skip; */
static inline struct span span_from(struct span s, size_t skip)
{
    must_in_bounds(skip <= s.n);
    return (struct span){s.p + skip, s.n - skip};
}

/*@ requires n <= s.n; assigns \nothing; ensures \result.p == s.p && \result.n == n; */
static inline struct span span_first(struct span s, size_t n)
{
    must_in_bounds(n <= s.n);
    return (struct span){s.p, n};
}

/*@ requires skip + n <= s.n; assigns \nothing; ensures \result.p == s.p + skip && \result.n == n; */
static inline struct span span_sub(struct span s, size_t skip, size_t n)
{
    must_in_bounds(skip <= s.n && n <= s.n - skip);
    return (struct span){s.p + skip, n};
}

/* Copies all of `from` to the start of `to`; the two must not overlap. */
/*@ requires from.n <= to.n && readable(from) && writable(to);
    requires \separated(to.p + (0 .. from.n - 1), from.p + (0 .. from.n - 1));
    assigns to.p[0 .. from.n - 1]; */
static inline void copy(struct span to, struct view from)
{
    must_in_bounds(from.n <= to.n);
    if (from.n > 0)
        memcpy(to.p, from.p, from.n);
}

/* The same where the two may overlap. */
/*@ requires from.n <= to.n && readable(from) && writable(to); assigns to.p[0 .. from.n - 1]; */
static inline void copy_within(struct span to, struct view from)
{
    must_in_bounds(from.n <= to.n);
    if (from.n > 0)
        memmove(to.p, from.p, from.n);
}

/*@ requires writable(s); assigns s.p[0 .. s.n - 1]; */
static inline void fill(struct span s, u8 byte)
{
    if (s.n > 0)
        memset(s.p, byte, s.n);
}

#ifdef __clang__
#pragma clang unsafe_buffer_usage end
#endif

/*@ assigns \nothing; */
static inline u8 ascii_lower(u8 c)
{
    return c >= 'A' && c <= 'Z' ? (u8)(c + 32) : c;
}

/*@ requires readable(a) && readable(b); assigns \nothing; ensures \result ==> a.n == b.n; */
bool view_eq(struct view a, struct view b);
/*@ requires readable(a) && readable(b); assigns \nothing; ensures \result ==> a.n == b.n; */
bool view_eq_nocase(struct view a, struct view b); /* ASCII */
/*@ requires readable(v) && readable(prefix); assigns \nothing; ensures \result ==> v.n >= prefix.n; */
bool view_starts(struct view v, struct view prefix);
/*@ requires readable(v) && readable(suffix); assigns \nothing; ensures \result ==> v.n >= suffix.n; */
bool view_ends(struct view v, struct view suffix);
/*@ requires readable(a) && readable(b); assigns \nothing; */
int view_cmp(struct view a, struct view b); /* as memcmp, the shorter first */

/* The index of the first `byte` (or sequence); v.n if there is none. */
/*@ requires readable(v); assigns \nothing; ensures \result <= v.n; */
size_t view_find(struct view v, u8 byte);
/*@ requires readable(v) && readable(sequence); assigns \nothing; ensures \result <= v.n; */
size_t view_find_seq(struct view v, struct view sequence);

/* The index of the first control byte (below 0x20, but not tab, or 0x7f): the end
 * of a line of text, or what must not be in one. v.n if there is none. */
/*@ requires readable(v); assigns \nothing; ensures \result <= v.n; */
size_t view_find_control(struct view v);

/* How many letters, digits, - and _ (all ASCII) are at the start of v. */
/*@ requires readable(v); assigns \nothing; ensures \result <= v.n; */
size_t view_run_word(struct view v);

/* Cuts `v` at the first `byte`: what is before it, and `*rest` what follows.
 * Without such a byte all of v, and an empty rest. */
/*@ requires readable(v) && \valid(rest); assigns *rest; ensures \result.p == v.p && \result.n <= v.n;
    ensures \result.n < v.n ? part(*rest, v, \result.n + 1, v.n - \result.n - 1) : rest->n == 0; */
struct view view_cut(struct view v, u8 byte, struct view *rest);

/* Without blanks (space, tab) at both ends. */
/*@ requires readable(v); assigns \nothing; ensures readable(\result) && \result.n <= v.n; */
struct view view_trim(struct view v);

/* Decimal, all of `v`, no sign, no blanks. ERR_MALFORMED, ERR_RANGE. */
/*@ requires readable(v) && \valid(out); assigns *out;
    ensures \result != OK ==> *out == \old(*out);
    ensures \result == OK ==> (v.n <= 2 ==> *out < 100) && (v.n <= 3 ==> *out < 1000) &&
        (v.n <= 4 ==> *out < 10000) && (v.n == 1 ==> *out < 10); */
enum err view_to_u64(struct view v, u64 *out);

/* "192.0.2.1" in host order. ERR_MALFORMED, ERR_RANGE. */
/*@ requires readable(v) && \valid(out); assigns *out; */
enum err view_to_ip4(struct view v, u32 *out);

#endif
