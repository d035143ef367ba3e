#include "lib/http/body.h"

#include "base/num.h"

bool http_body_done(const struct http_body *b)
{
    switch (b->framing) {
    case HTTP_NO_BODY:
        return true;
    case HTTP_LENGTH:
        return b->left == 0;
    case HTTP_CHUNKED:
        return b->chunked.state == CHUNK_DONE;
    case HTTP_UNTIL_CLOSE:
        break;
    }
    return false;
}

/* What of `piece` is data, and how many bytes of it are then done with. */
static enum err decode(struct http_body *b, struct view piece, size_t *taken, struct view *data)
{
    if (b->framing == HTTP_CHUNKED)
        return http_chunked_next(&b->chunked, piece, taken, data);
    *data = piece;
    if (b->framing == HTTP_LENGTH) {
        *data = view_first(piece, (size_t)MIN((u64)piece.n, b->left));
        b->left -= data->n;
    }
    *taken = data->n;
    return OK;
}

enum err http_body_read(struct http_body *b, struct span room, struct view *got, u64 deadline)
{
    while (!http_body_done(b)) {
        struct view piece;
        if (stream_pieces(b->stream, SLICE_ONE(stream_pieces, &piece)) == 0) {
            enum err e = stream_wait(b->stream, 0, deadline);
            if (e == ERR_EOF)
                return b->framing == HTTP_UNTIL_CLOSE ? ERR_EOF : ERR_RESET;
            TRY(e);
            continue;
        }
        size_t taken;
        struct view data;
        TRY(decode(b, view_first(piece, MIN(piece.n, room.n)), &taken, &data));
        copy(room, data);
        stream_consume(b->stream, taken);
        b->received += data.n;
        if (data.n > 0) {
            *got = view_of(span_first(room, data.n));
            return OK;
        }
    }
    return ERR_EOF;
}
