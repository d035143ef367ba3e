#include "wire/http_chunked.h"

#include "base/fmt.h"
#include "base/num.h"
#include "wire/http.h"

/*@ assigns \nothing; ensures -1 <= \result < 16; */
static int hex_digit(u8 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*@ assigns \nothing; */
static bool is_token(u8 c)
{
    return http_is_token(VIEW_OF(c));
}

/*@ assigns \nothing; */
static bool is_text(u8 c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/*@ requires \valid(c) && chunked_ok(c); assigns *c; ensures \result == OK ==> chunked_ok(c); */
static enum err size_byte(struct http_chunked *c, u8 byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        if (c->digits == 16)
            return ERR_TOO_BIG;
        c->digits++;
        c->left = c->left << 4 | (u64)digit;
        c->state = CHUNK_SIZE;
        return OK;
    }
    if (c->state == CHUNK_SIZE_FIRST)
        return ERR_MALFORMED;
    c->extension_n = 0;
    c->state = byte == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
    return byte == ';' || byte == '\r' ? OK : ERR_MALFORMED;
}

/*@ requires \valid(c) && chunked_ok(c); assigns *c; ensures \result == OK ==> chunked_ok(c); */
static enum err extension_byte(struct http_chunked *c, u8 byte)
{
    if (byte == '\r') {
        c->state = CHUNK_SIZE_LF;
        return OK;
    }
    c->extension_n++;
    c->extensions_n++;
    if (c->extension_n > CHUNK_EXTENSION_MAX || c->extensions_n > CHUNK_EXTENSIONS_MAX)
        return ERR_TOO_BIG;
    return is_text(byte) ? OK : ERR_MALFORMED;
}

/*@ requires \valid(c) && chunked_ok(c); assigns c->state, c->trailer_n;
    ensures \result == OK ==> chunked_ok(c); */
static enum err trailer_byte(struct http_chunked *c, u8 byte)
{
    c->trailer_n++;
    if (c->trailer_n > CHUNK_TRAILER_MAX)
        return ERR_TOO_BIG;
    if (c->state == CHUNK_TRAILER_FIRST) {
        c->state = byte == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_NAME;
        return byte == '\r' || is_token(byte) ? OK : ERR_MALFORMED;
    }
    if (c->state == CHUNK_TRAILER_NAME) {
        if (byte == ':')
            c->state = CHUNK_TRAILER_VALUE;
        return byte == ':' || is_token(byte) ? OK : ERR_MALFORMED;
    }
    if (byte == '\r')
        c->state = CHUNK_TRAILER_LF;
    return byte == '\r' || is_text(byte) ? OK : ERR_MALFORMED;
}

/*@ requires \valid(c) && chunked_ok(c); assigns *c; ensures \result == OK ==> chunked_ok(c); */
static enum err expect_byte(struct http_chunked *c, u8 byte, u8 wanted, enum chunk_state next)
{
    c->state = next;
    return byte == wanted ? OK : ERR_MALFORMED;
}

/* Everything but data. */
/*@ requires \valid(c) && chunked_ok(c); assigns *c; ensures \result == OK ==> chunked_ok(c); */
static enum err control_byte(struct http_chunked *c, u8 byte)
{
    switch (c->state) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        return size_byte(c, byte);
    case CHUNK_EXTENSION:
        return extension_byte(c, byte);
    case CHUNK_SIZE_LF:
        return expect_byte(c, byte, '\n', c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_FIRST);
    case CHUNK_DATA_CR:
        return expect_byte(c, byte, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        c->digits = 0;
        return expect_byte(c, byte, '\n', CHUNK_SIZE_FIRST);
    case CHUNK_TRAILER_FIRST:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER_VALUE:
        return trailer_byte(c, byte);
    case CHUNK_TRAILER_LF:
        return expect_byte(c, byte, '\n', CHUNK_TRAILER_FIRST);
    case CHUNK_END_LF:
        return expect_byte(c, byte, '\n', CHUNK_DONE);
    case CHUNK_DATA:
    case CHUNK_DONE:
        break;
    }
    return ERR_MALFORMED;
}

/* What of the chunk's data is there. */
/*@ requires \valid(c) && readable(in) && chunked_ok(c); assigns c->left, c->state;
    ensures chunked_ok(c) && part(\result, in, 0, \result.n) && \result.n <= in.n; */
static struct view take_data(struct http_chunked *c, struct view in)
{
    struct view data = view_first(in, (size_t)MIN(c->left, (u64)in.n));
    c->left -= data.n;
    if (c->left == 0)
        c->state = CHUNK_DATA_CR;
    return data;
}

enum err http_chunked_next(struct http_chunked *c, struct view in, size_t *taken, struct view *data)
{
    size_t at = 0;
    *data = VIEW_NONE;
    /*@ loop invariant at <= in.n && chunked_ok(c); loop assigns at, *c; loop variant in.n - at; */
    while (at < in.n && c->state != CHUNK_DONE && c->state != CHUNK_DATA) {
        TRY(control_byte(c, view_at(in, at)));
        at++;
    }
    struct view found = VIEW_NONE;
    if (c->state == CHUNK_DATA)
        found = take_data(c, view_from(in, at));
    *taken = at + found.n;
    *data = found;
    return OK;
}

void put_chunk_head(struct writer *w, u64 n)
{
    put_hex(w, n, 1);
    put_text(w, "\r\n");
}
