#include "wire/http_chunked.h"

#include "base/fmt.h"
#include "base/num.h"
#include "wire/http.h"

static int hex_digit(u8 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(u8 c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

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

static enum err trailer_byte(struct http_chunked *c, u8 byte)
{
    c->trailer_n++;
    if (c->trailer_n > CHUNK_TRAILER_MAX)
        return ERR_TOO_BIG;
    switch (c->state) {
    case CHUNK_TRAILER_FIRST:
        c->state = byte == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_NAME;
        return byte == '\r' || http_is_token(VIEW_OF(byte)) ? OK : ERR_MALFORMED;
    case CHUNK_TRAILER_NAME:
        if (byte == ':')
            c->state = CHUNK_TRAILER_VALUE;
        return byte == ':' || http_is_token(VIEW_OF(byte)) ? OK : ERR_MALFORMED;
    default:
        if (byte == '\r')
            c->state = CHUNK_TRAILER_LF;
        return byte == '\r' || is_text(byte) ? OK : ERR_MALFORMED;
    }
}

static enum err expect_byte(struct http_chunked *c, u8 byte, u8 wanted, enum chunk_state next)
{
    c->state = next;
    return byte == wanted ? OK : ERR_MALFORMED;
}

/* Everything but data. */
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

enum err http_chunked_next(struct http_chunked *c, struct view in, size_t *taken, struct view *data)
{
    size_t at = 0;
    *data = VIEW_NONE;
    while (at < in.n && c->state != CHUNK_DONE && c->state != CHUNK_DATA) {
        TRY(control_byte(c, view_at(in, at)));
        at++;
    }
    if (c->state == CHUNK_DATA) {
        *data = view_sub(in, at, (size_t)MIN(c->left, (u64)(in.n - at)));
        at += data->n;
        c->left -= data->n;
        if (c->left == 0)
            c->state = CHUNK_DATA_CR;
    }
    *taken = at;
    return OK;
}

void put_chunk_head(struct writer *w, u64 n)
{
    put_hex(w, n, 1);
    put_text(w, "\r\n");
}
