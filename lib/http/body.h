/* A message body coming in over a stream (RFC 9112 §6), for the server and the
 * client alike: whatever the framing, pieces of data until ERR_EOF. */
#ifndef LIB_HTTP_BODY_H
#define LIB_HTTP_BODY_H

#include "sig/stream.h"
#include "wire/http.h"
#include "wire/http_chunked.h"

struct http_body {
    struct stream *stream;
    enum http_framing framing;
    u64 left;                    /* with HTTP_LENGTH */
    struct http_chunked chunked;
    u64 received;                /* data bytes so far */
};

static inline struct http_body http_body_of(struct stream *s, const struct http_head *head)
{
    return (struct http_body){.stream = s, .framing = head->framing, .left = head->content_length};
}

/* All of it has been read. */
bool http_body_done(const struct http_body *b);

/* (blocks) Moves the next bytes into room (room.n > 0): at least one, or ERR_EOF at
 * the end. ERR_MALFORMED, ERR_TOO_BIG (chunks), ERR_RESET where the stream ends
 * before the body, and the stream's errors. */
enum err http_body_read(struct http_body *b, struct span room, struct view *got, u64 deadline);

#endif
