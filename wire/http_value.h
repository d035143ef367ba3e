/* The values of single HTTP fields (RFC 9110): dates, entity-tag lists, byte
 * ranges, quality lists. Pure; nothing is copied. */
#ifndef WIRE_HTTP_VALUE_H
#define WIRE_HTTP_VALUE_H

#include "base/view.h"

/* Any of the three forms of RFC 9110 §5.6.7. ERR_MALFORMED also before 1970. */
/*@ requires readable(v) && \valid(unix_s); assigns *unix_s; */
enum err http_date(struct view v, u64 *unix_s);

/* Does the entity-tag list `list` (If-Match, If-None-Match) hold `etag` (with its
 * quotes)? "*" matches any. Weak comparison ignores W/ (RFC 9110 §8.8.3.2). */
/*@ requires readable(list) && readable(etag); assigns \nothing; */
bool http_etag_listed(struct view list, struct view etag, bool weak);

/* Bytes first to last, both included. */
struct http_range {
    u64 first, last;
};

enum { HTTP_RANGES_MAX = 8 };

struct http_ranges {
    struct http_range range[HTTP_RANGES_MAX];
    u32 n;
};

/* The byte ranges asked for of a representation of `size` bytes (RFC 9110 §14.1).
 * OK: at least one of them lies in it. ERR_RANGE: none does (416). ERR_UNSUPPORTED:
 * the field is to be ignored: another unit, malformed, or more ranges, or more
 * overlapping or disordered ones, than an honest client asks for. */
/*@ requires readable(v) && \valid(out); assigns *out;
    ensures \result == OK ==> 0 < out->n <= HTTP_RANGES_MAX; */
enum err http_ranges(struct view v, u64 size, struct http_ranges *out);

/* Is `coding` acceptable under this Accept-Encoding value (RFC 9110 §12.5.3), and
 * not less so than sending it as it is? */
/*@ requires readable(v) && readable(coding); assigns \nothing; */
bool http_accepts_coding(struct view v, struct view coding);

#endif
