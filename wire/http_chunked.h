/* The chunked transfer coding (RFC 9112 §7.1), decoded in place from pieces of any
 * size, one byte included. Strict: hexadecimal sizes, CR LF and nothing else at a
 * line's end, no blank after a size, extensions and trailers skipped under limits. */
#ifndef WIRE_HTTP_CHUNKED_H
#define WIRE_HTTP_CHUNKED_H

#include "base/codec.h"

enum {
    CHUNK_EXTENSION_MAX = 256,     /* bytes of one chunk's extensions */
    CHUNK_EXTENSIONS_MAX = 16384,  /* bytes of a body's extensions together */
    CHUNK_TRAILER_MAX = 8192,      /* bytes of the trailer section */
    CHUNK_HEAD_MAX = 18,           /* room that put_chunk_head needs */
};

enum chunk_state {
    CHUNK_SIZE_FIRST, /* the next byte begins a size */
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_FIRST, /* the next byte begins a trailer line or the final empty one */
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE
};

/* All zero: the beginning of a body. */
struct http_chunked {
    enum chunk_state state;
    u64 left;            /* data bytes of this chunk still to come */
    u32 digits, extension_n, extensions_n, trailer_n;
};

/*@ predicate chunked_ok(struct http_chunked *c) =
        c->extension_n <= CHUNK_EXTENSION_MAX && c->extensions_n <= CHUNK_EXTENSIONS_MAX &&
            c->trailer_n <= CHUNK_TRAILER_MAX && c->digits <= 16; */

/* Decodes from the start of `in`: how many bytes it is done with, and the data
 * among them, which are always the last of these (empty when it met none). Call it
 * until in is used up or state is CHUNK_DONE. ERR_MALFORMED, ERR_TOO_BIG. */
/*@ requires \valid(c) && readable(in) && \valid(taken) && \valid(data) && \separated(c, taken, data);
    requires chunked_ok(c) && \separated(in.p + (0 .. in.n - 1), c, taken, data);
    assigns *c, *taken, *data;
    ensures \result == OK ==> *taken <= in.n && data->n <= *taken && readable(*data) && chunked_ok(c); */
enum err http_chunked_next(struct http_chunked *c, struct view in, size_t *taken, struct view *data);

/* What goes before a chunk of n > 0 bytes, and after it CR LF; a body ends with
 * "0\r\n\r\n". */
void put_chunk_head(struct writer *w, u64 n);

#endif
