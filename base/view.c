#include "base/view.h"

#include "base/num.h"

bool view_eq(struct view a, struct view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Eight letters to lower case at once: no sum carries into the next byte. */
static u64 lower8(u64 x)
{
    const u64 each = 0x0101010101010101;
    u64 low7 = x & 0x7f * each;
    u64 from_a = low7 + (0x80 - 'A') * each, past_z = low7 + (0x7f - 'Z') * each;
    u64 upper = ~x & (from_a ^ past_z) & 0x80 * each;
    return x | upper >> 2;
}

static u64 load8(struct view v, size_t at)
{
    u64 x;
    __builtin_memcpy(&x, view_sub(v, at, sizeof x).p, sizeof x);
    return x;
}

bool view_eq_nocase(struct view a, struct view b)
{
    if (a.n != b.n)
        return false;
    size_t i = 0;
    for (; a.n - i >= 8; i += 8)
        if (lower8(load8(a, i)) != lower8(load8(b, i)))
            return false;
    if (a.n >= 8) /* the rest, together with bytes already compared */
        return i == a.n || lower8(load8(a, a.n - 8)) == lower8(load8(b, a.n - 8));
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

typedef u8 block __attribute__((vector_size(16)));

/* Sixteen bytes at a time with SSE2, which every x86-64 has. */
size_t view_find(struct view v, u8 byte)
{
    size_t i = 0;
    for (; v.n - i >= 16; i += 16) {
        block b;
        __builtin_memcpy(&b, view_from(v, i).p, sizeof b);
        u32 hits = (u32)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)(b == byte));
        if (hits)
            return i + (size_t)__builtin_ctz(hits);
    }
    for (; i < v.n; i++)
        if (view_at(v, i) == byte)
            return i;
    return v.n;
}

size_t view_find_control(struct view v)
{
    size_t i = 0;
    for (; v.n - i >= 16; i += 16) {
        block b;
        __builtin_memcpy(&b, view_from(v, i).p, sizeof b);
        block control = (block)(((b < 0x20) & (b != '\t')) | (b == 0x7f));
        u32 hits = (u32)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)control);
        if (hits)
            return i + (size_t)__builtin_ctz(hits);
    }
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
    for (; v.n - i >= 16; i += 16) {
        block b;
        __builtin_memcpy(&b, view_from(v, i).p, sizeof b);
        block lower = b | 0x20;
        block word =
            (block)(((lower >= 'a') & (lower <= 'z')) | ((b >= '0') & (b <= '9')) | (b == '-') | (b == '_'));
        u32 hits = (u32)__builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)word);
        if (hits != 0xffff)
            return i + (size_t)__builtin_ctz(~hits);
    }
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

static bool is_blank(u8 c)
{
    return c == ' ' || c == '\t';
}

struct view view_trim(struct view v)
{
    while (v.n > 0 && is_blank(view_at(v, 0)))
        v = view_from(v, 1);
    while (v.n > 0 && is_blank(view_at(v, v.n - 1)))
        v = view_first(v, v.n - 1);
    return v;
}

enum err view_to_u64(struct view v, u64 *out)
{
    if (v.n == 0)
        return ERR_MALFORMED;
    u64 x = 0;
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
