#include "base/view.h"

#include "base/block.h"
#include "base/codec.h"
#include "base/num.h"

bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Eight letters to lower case at once: no sum carries into the next byte. */
/*@ assigns \nothing; */
static u64 lower8(u64 x)
{
    const u64 each = 0x0101010101010101;
    u64 low7 = x & 0x7f * each;
    u64 from_a = low7 + (0x80 - 'A') * each, past_z = low7 + (0x7f - 'Z') * each;
    u64 upper = ~x & (from_a ^ past_z) & 0x80 * each;
    return x | upper >> 2;
}

/*@ requires at + 8 <= v.n && readable(v); assigns \nothing; */
static u64 load8(struct view v, size_t at)
{
    return load_le64(v, at);
}

bool view_eq_nocase(struct view a, struct view b)
{
    if (a.n != b.n)
        return false;
    size_t i = 0;
    /*@ loop invariant i <= a.n; loop assigns i; loop variant a.n - i; */
    for (; a.n - i >= 8; i += 8)
        if (lower8(load8(a, i)) != lower8(load8(b, i)))
            return false;
    if (a.n >= 8) /* the rest, together with bytes already compared */
        return i == a.n || lower8(load8(a, a.n - 8)) == lower8(load8(b, a.n - 8));
    /*@ loop invariant i <= a.n; loop assigns i; loop variant a.n - i; */
    for (; i < a.n; i++)
        if (ascii_lower(view_at(a, i)) != ascii_lower(view_at(b, i)))
            return false;
    return true;
}

bool view_starts(struct view v, struct view prefix)
{
    return v.n >= prefix.n && view_eq(view_first(v, prefix.n), prefix);
}

bool view_ends(struct view v, struct view suffix)
{
    return v.n >= suffix.n && view_eq(view_from(v, v.n - suffix.n), suffix);
}

int view_cmp(struct view a, struct view b)
{
    size_t n = MIN(a.n, b.n);
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (order != 0)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

size_t view_find(struct view v, u8 byte)
{
    size_t i = 0;
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; v.n - i >= BLOCK; i += BLOCK) {
        u32 hits = block_is(v, i, byte);
        if (hits)
            return i + (size_t)__builtin_ctz(hits);
    }
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; i < v.n; i++)
        if (view_at(v, i) == byte)
            return i;
    return v.n;
}

size_t view_find_control(struct view v)
{
    size_t i = 0;
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; v.n - i >= BLOCK; i += BLOCK) {
        u32 hits = block_is_control(v, i);
        if (hits)
            return i + (size_t)__builtin_ctz(hits);
    }
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; i < v.n; i++) {
        u8 c = view_at(v, i);
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return i;
    }
    return v.n;
}

size_t view_run_word(struct view v)
{
    size_t i = 0;
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; v.n - i >= BLOCK; i += BLOCK) {
        u32 hits = block_is_word(v, i);
        if (hits != 0xffff)
            return i + (size_t)__builtin_ctz(0xffff - hits);
    }
    /*@ loop invariant i <= v.n; loop assigns i; loop variant v.n - i; */
    for (; i < v.n; i++) {
        u8 c = view_at(v, i), lower = c | 0x20;
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return i;
    }
    return v.n;
}

size_t view_find_seq(struct view v, struct view sequence)
{
    if (sequence.n == 0)
        return 0;
    u8 first = view_at(sequence, 0);
    size_t at = 0;
    /*@ loop invariant at <= v.n; loop assigns at; loop variant v.n - at; */
    while (v.n - at >= sequence.n) {
        size_t hit = view_find(view_from(v, at), first);
        if (v.n - at - hit < sequence.n)
            break;
        at += hit;
        if (view_eq(view_sub(v, at, sequence.n), sequence))
            return at;
        at++;
    }
    return v.n;
}

struct view view_cut(struct view v, u8 byte, struct view *rest)
{
    size_t at = view_find(v, byte);
    *rest = at < v.n ? view_from(v, at + 1) : VIEW_NONE;
    return view_first(v, at);
}

/*@ assigns \nothing; */
static bool is_blank(u8 c)
{
    return c == ' ' || c == '\t';
}

struct view view_trim(struct view v)
{
    /*@ loop invariant readable(v) && v.n <= \at(v.n, Pre); loop assigns v; loop variant v.n; */
    while (v.n > 0 && is_blank(view_at(v, 0)))
        v = view_from(v, 1);
    /*@ loop invariant readable(v) && v.n <= \at(v.n, Pre); loop assigns v; loop variant v.n; */
    while (v.n > 0 && is_blank(view_at(v, v.n - 1)))
        v = view_first(v, v.n - 1);
    return v;
}

enum err view_to_u64(struct view v, u64 *out)
{
    if (v.n == 0)
        return ERR_MALFORMED;
    u64 x = 0;
    /*@ loop invariant i <= v.n && (i == 0 ==> x == 0) && (i <= 1 ==> x < 10) && (i <= 2 ==> x < 100) &&
            (i <= 3 ==> x < 1000) && (i <= 4 ==> x < 10000);
        loop assigns i, x; loop variant v.n - i; */
    for (size_t i = 0; i < v.n; i++) {
        u8 c = view_at(v, i);
        if (c < '0' || c > '9')
            return ERR_MALFORMED;
        if (ckd_mul(&x, x, 10ull) || ckd_add(&x, x, (u64)(c - '0')))
            return ERR_RANGE;
    }
    *out = x;
    return OK;
}

enum err view_to_ip4(struct view v, u32 *out)
{
    u32 ip = 0;
    /*@ loop invariant part <= 4 && readable(v); loop assigns part, ip, v; loop variant 4 - part; */
    for (u32 part = 0; part < 4; part++) {
        u64 n;
        if (part < 3 && view_find(v, '.') == v.n)
            return ERR_MALFORMED;
        struct view digits = part < 3 ? view_cut(v, '.', &v) : v;
        TRY(view_to_u64(digits, &n));
        if (n > 255)
            return ERR_RANGE;
        ip = ip << 8 | (u32)n;
    }
    *out = ip;
    return OK;
}
