#include "wire/http_value.h"

#include "base/codec.h"
#include "base/num.h"
#include "base/time.h"

/* ---- dates ------------------------------------------------------------------------ */

/* A number of exactly n digits. */
/*@ requires \valid(r) && inside(*r) && n <= 4; assigns r->rest, r->bad;
    ensures inside(*r) && \result < 10000; */
static u32 digits(struct reader *r, size_t n)
{
    u64 x = 0;
    if (view_to_u64(get_bytes(r, n), &x) != OK)
        r->bad = true;
    return (u32)x;
}

/*@ requires \valid(r) && inside(*r) && readable(text); assigns r->rest, r->bad; ensures inside(*r); */
static void literal(struct reader *r, struct view text)
{
    if (!view_eq(get_bytes(r, text.n), text))
        r->bad = true;
}

/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures inside(*r) && 1 <= \result <= 12; */
static u8 month(struct reader *r)
{
    struct view names = VIEW("JanFebMarAprMayJunJulAugSepOctNovDec"), name = get_bytes(r, 3);
    /*@ loop invariant m <= 12; loop assigns m; loop variant 12 - m; */
    for (u8 m = 0; m < 12; m++)
        if (view_eq(name, view_sub(names, (size_t)m * 3, 3)))
            return (u8)(m + 1);
    r->bad = true;
    return 1;
}

/*@ requires \valid(r) && inside(*r) && \valid(d) && \separated(r, d);
    assigns r->rest, r->bad, d->hour, d->minute, d->second; ensures inside(*r); */
static void time_of_day(struct reader *r, struct date *d)
{
    d->hour = (u8)digits(r, 2);
    literal(r, VIEW(":"));
    d->minute = (u8)digits(r, 2);
    literal(r, VIEW(":"));
    d->second = (u8)digits(r, 2);
}

/*@ requires \valid(r) && inside(*r) && \valid(d) && \separated(r, d) && readable(separator) &&
    (year_digits == 2 || year_digits == 4);
    assigns r->rest, r->bad, *d; ensures inside(*r) && 1 <= d->month <= 12; */
/* Sun, 06 Nov 1994 08:49:37 GMT, after "Sun, "; also the middle of RFC 850's form. */
static void day_month_year(struct reader *r, struct date *d, struct view separator, size_t year_digits)
{
    d->day = (u8)digits(r, 2);
    literal(r, separator);
    d->month = month(r);
    literal(r, separator);
    u32 year = digits(r, year_digits);
    if (year_digits == 2) /* a two-digit year lies in the past: RFC 9110 §5.6.7 */
        year += year < 70 ? 2000 : 1900;
    d->year = (i32)year;
    literal(r, VIEW(" "));
    time_of_day(r, d);
    literal(r, VIEW(" GMT"));
}

/* Sun Nov  6 08:49:37 1994 */
/*@ requires \valid(r) && inside(*r) && \valid(d) && \separated(r, d); assigns r->rest, r->bad, *d;
    ensures inside(*r) && 1 <= d->month <= 12; */
static void asctime_form(struct reader *r, struct date *d)
{
    get_skip(r, 4);
    d->month = month(r);
    literal(r, VIEW(" "));
    struct view day = view_trim(get_bytes(r, 2));
    u64 number = 0;
    if (view_to_u64(day, &number) != OK)
        r->bad = true;
    d->day = (u8)number;
    literal(r, VIEW(" "));
    time_of_day(r, d);
    literal(r, VIEW(" "));
    d->year = (i32)digits(r, 4);
}

enum err http_date(struct view v, u64 *unix_s)
{
    struct date d = {0};
    struct reader r = reader_of(v);
    size_t comma = view_find(v, ',');
    if (comma == v.n) {
        asctime_form(&r, &d);
    } else {
        get_skip(&r, comma);
        literal(&r, VIEW(", "));
        if (comma == 3)
            day_month_year(&r, &d, VIEW(" "), 4);
        else
            day_month_year(&r, &d, VIEW("-"), 2);
    }
    if (r.bad || r.rest.n > 0 || d.year < 1970 || d.day < 1 || d.day > 31 || d.hour > 23 || d.minute > 59 ||
        d.second > 60)
        return ERR_MALFORMED;
    *unix_s = date_to_unix(d);
    return OK;
}

/* ---- entity tags ------------------------------------------------------------------ */

bool http_etag_listed(struct view list, struct view etag, bool weak)
{
    if (view_eq(list, VIEW("*")))
        return true;
    /*@ loop invariant readable(list); loop assigns list; loop variant list.n; */
    while (list.n > 0) {
        list = view_trim(list);
        if (view_starts(list, VIEW(","))) {
            list = view_from(list, 1);
            continue;
        }
        bool is_weak = view_starts(list, VIEW("W/"));
        struct view tag = is_weak ? view_from(list, 2) : list;
        if (!view_starts(tag, VIEW("\"")))
            return false;
        size_t close = view_find(view_from(tag, 1), '"') + 1;
        if (close == tag.n)
            return false;
        if ((weak || !is_weak) && view_eq(view_first(tag, close + 1), etag))
            return true;
        list = view_from(tag, close + 1);
    }
    return false;
}

/* ---- ranges ----------------------------------------------------------------------- */

/* first-last, first- or -suffix. ERR_RANGE: outside of the representation. */
/*@ requires readable(v) && \valid(out); assigns *out;
    ensures \result == OK ==> out->first <= out->last < size; */
static enum err one_range(struct view v, u64 size, struct http_range *out)
{
    size_t dash = view_find(v, '-');
    if (dash == v.n)
        return ERR_MALFORMED;
    struct view first = view_first(v, dash), last = view_from(v, dash + 1);
    if (first.n == 0) {
        u64 suffix = 0;
        enum err e = view_to_u64(last, &suffix);
        if (e == ERR_RANGE)
            suffix = size;
        else if (e != OK)
            return ERR_MALFORMED;
        if (suffix == 0 || size == 0)
            return ERR_RANGE;
        *out = (struct http_range){sat_sub(size, suffix), size - 1};
        return OK;
    }
    out->last = UINT64_MAX;
    enum err e = view_to_u64(first, &out->first);
    if (e != OK)
        return e;
    if (last.n > 0) {
        e = view_to_u64(last, &out->last);
        if (e != OK && e != ERR_RANGE)
            return e;
        if (e == ERR_RANGE)
            out->last = UINT64_MAX;
        else if (out->last < out->first)
            return ERR_MALFORMED;
    }
    if (out->first >= size)
        return ERR_RANGE;
    out->last = MIN(out->last, size - 1);
    return OK;
}

enum err http_ranges(struct view v, u64 size, struct http_ranges *out)
{
    struct view rest;
    out->n = 0;
    if (!view_eq_nocase(view_cut(v, '=', &rest), VIEW("bytes")) || rest.n == 0)
        return ERR_UNSUPPORTED;
    /*@ loop invariant readable(rest) && asked <= HTTP_RANGES_MAX && out->n <= asked;
        loop assigns rest, asked, out->n, out->range[0 .. HTTP_RANGES_MAX - 1];
        loop variant HTTP_RANGES_MAX - asked; */
    for (u32 asked = 0; rest.n > 0; asked++) {
        struct http_range range = {0};
        if (asked == HTTP_RANGES_MAX)
            return ERR_UNSUPPORTED;
        enum err e = one_range(view_trim(view_cut(rest, ',', &rest)), size, &range);
        if (e == ERR_RANGE)
            continue;
        if (e != OK)
            return ERR_UNSUPPORTED;
        /* Overlapping or descending ranges make a server repeat work: RFC 9110 §14.2. */
        if (out->n > 0 && range.first <= AT(out->range, (size_t)out->n - 1).last)
            return ERR_UNSUPPORTED;
        AT(out->range, out->n) = range;
        out->n++;
    }
    return out->n > 0 ? OK : ERR_RANGE;
}

/* ---- qualities --------------------------------------------------------------------- */

/* ";q=0.5" in thousandths; 1000 when there is none, 0 when it is malformed. */
/*@ requires readable(parameters); assigns \nothing; ensures \result <= 1000; */
static u32 quality(struct view parameters)
{
    /*@ loop invariant readable(parameters); loop assigns parameters; loop variant parameters.n; */
    while (parameters.n > 0) {
        struct view value, p = view_trim(view_cut(parameters, ';', &parameters));
        struct view name = view_trim(view_cut(p, '=', &value));
        if (!view_eq_nocase(name, VIEW("q")))
            continue;
        value = view_trim(value);
        struct view fraction, whole = view_cut(value, '.', &fraction);
        u64 units = 0, part = 0;
        if (view_to_u64(whole, &units) != OK || units > 1 || fraction.n > 3)
            return 0;
        if (fraction.n > 0 && view_to_u64(fraction, &part) != OK)
            return 0;
        /*@ loop invariant fraction.n <= i <= 3 && (i == 0 ==> part == 0) && (i <= 1 ==> part < 10) &&
                (i <= 2 ==> part < 100) && part < 1000;
            loop assigns i, part; loop variant 3 - i; */
        for (size_t i = fraction.n; i < 3; i++)
            part *= 10;
        return units == 1 ? 1000 : (u32)part;
    }
    return 1000;
}

bool http_accepts_coding(struct view v, struct view coding)
{
    bool named = false, any = false, identity_named = false;
    u32 q = 0, q_any = 0, q_identity = 0;
    /*@ loop invariant readable(v);
        loop assigns v, named, any, identity_named, q, q_any, q_identity; loop variant v.n; */
    while (v.n > 0) {
        struct view parameters, item = view_trim(view_cut(v, ',', &v));
        struct view name = view_trim(view_cut(item, ';', &parameters));
        if (view_eq_nocase(name, coding)) {
            named = true;
            q = quality(parameters);
        } else if (view_eq(name, VIEW("*"))) {
            any = true;
            q_any = quality(parameters);
        } else if (view_eq_nocase(name, VIEW("identity"))) {
            identity_named = true;
            q_identity = quality(parameters);
        }
    }
    if (!named)
        q = any ? q_any : 0;
    return q > 0 && (!identity_named || q >= q_identity);
}
