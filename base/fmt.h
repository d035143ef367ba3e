/* Text into a writer, piece by piece: no format strings, so none to get wrong.
 *   put_text(&w, "port "); put_dec(&w, port); */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include "base/codec.h"
#include "base/time.h"

void put_text(struct writer *w, const char *text);         /* zero-terminated, our own */
void put_dec(struct writer *w, u64 x);
void put_dec_pad(struct writer *w, u64 x, size_t width);   /* leading zeroes */
void put_hex(struct writer *w, u64 x, size_t width);       /* lower case, leading zeroes */
void put_hex_bytes(struct writer *w, struct view v);
void put_ip4(struct writer *w, u32 host_order);            /* 192.0.2.1 */
void put_http_date(struct writer *w, struct date d);       /* RFC 9110 §5.6.7 IMF-fixdate */
void put_iso_date(struct writer *w, struct date d);        /* RFC 3339, UTC, seconds */
void put_visible(struct writer *w, struct view text);      /* control characters as \x1b: for terminals */
void put_json(struct writer *w, struct view text);         /* RFC 8259 string, with its quotes */

#endif
