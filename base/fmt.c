#include "base/fmt.h"

#include "base/num.h"

void put_text(struct writer *w, const char *text)
{
    put_bytes(w, view_z(text));
}

void put_dec_pad(struct writer *w, u64 x, size_t width)
{
    u8 digits[20];
    size_t n = 0;
    do {
        AT(digits, n) = (u8)('0' + x % 10);
        x /= 10;
        n++;
    } while (x > 0);
    for (; width > n; width--)
        put_u8(w, '0');
    while (n > 0) {
        n--;
        put_u8(w, AT(digits, n));
    }
}

void put_dec(struct writer *w, u64 x)
{
    put_dec_pad(w, x, 1);
}

void put_hex(struct writer *w, u64 x, size_t width)
{
    size_t digits = 1;
    for (u64 rest = x >> 4; rest > 0; rest >>= 4)
        digits++;
    if (digits < width)
        digits = MIN(width, (size_t)16);
    while (digits > 0) {
        digits--;
        put_u8(w, view_at(VIEW("0123456789abcdef"), x >> (4 * digits) & 15));
    }
}

void put_hex_bytes(struct writer *w, struct view v)
{
    for (; v.n > 0; v = view_from(v, 1))
        put_hex(w, view_at(v, 0), 2);
}

void put_ip4(struct writer *w, u32 host_order)
{
    for (u32 shift = 24; shift > 0; shift -= 8) {
        put_dec(w, host_order >> shift & 0xff);
        put_u8(w, '.');
    }
    put_dec(w, host_order & 0xff);
}

static void put_of3(struct writer *w, struct view names, size_t index)
{
    put_bytes(w, view_sub(names, index * 3, 3));
}

static void put_clock(struct writer *w, struct date d)
{
    put_dec_pad(w, d.hour, 2);
    put_u8(w, ':');
    put_dec_pad(w, d.minute, 2);
    put_u8(w, ':');
    put_dec_pad(w, d.second, 2);
}

void put_http_date(struct writer *w, struct date d)
{
    put_of3(w, VIEW("SunMonTueWedThuFriSat"), d.weekday);
    put_text(w, ", ");
    put_dec_pad(w, d.day, 2);
    put_u8(w, ' ');
    put_of3(w, VIEW("JanFebMarAprMayJunJulAugSepOctNovDec"), (size_t)d.month - 1);
    put_u8(w, ' ');
    put_dec_pad(w, (u64)d.year, 4);
    put_u8(w, ' ');
    put_clock(w, d);
    put_text(w, " GMT");
}

void put_iso_date(struct writer *w, struct date d)
{
    put_dec_pad(w, (u64)d.year, 4);
    put_u8(w, '-');
    put_dec_pad(w, d.month, 2);
    put_u8(w, '-');
    put_dec_pad(w, d.day, 2);
    put_u8(w, 'T');
    put_clock(w, d);
    put_u8(w, 'Z');
}

static void put_escaped(struct writer *w, struct view bytes)
{
    for (; bytes.n > 0; bytes = view_from(bytes, 1)) {
        put_text(w, "\\x");
        put_hex(w, view_at(bytes, 0), 2);
    }
}

void put_visible(struct writer *w, struct view text)
{
    while (text.n > 0) {
        u8 c = view_at(text, 0);
        /* In UTF-8, U+0080 to U+009F are control characters as well. */
        bool c1 = c == 0xc2 && text.n > 1 && view_at(text, 1) >= 0x80 && view_at(text, 1) < 0xa0;
        struct view first = view_first(text, c1 ? 2 : 1);
        if (c1 || c < ' ' || c == 0x7f)
            put_escaped(w, first);
        else
            put_u8(w, c);
        text = view_from(text, first.n);
    }
}

void put_json(struct writer *w, struct view text)
{
    put_u8(w, '"');
    for (; text.n > 0; text = view_from(text, 1)) {
        u8 c = view_at(text, 0);
        if (c == '"' || c == '\\') {
            put_u8(w, '\\');
            put_u8(w, c);
        } else if (c < 0x20) {
            put_text(w, "\\u");
            put_hex(w, c, 4);
        } else {
            put_u8(w, c);
        }
    }
    put_u8(w, '"');
}
