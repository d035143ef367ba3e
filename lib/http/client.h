/* An HTTP/1.1 client over any dialer. Connections are kept and used again; what
 * comes back is parsed as strictly as the server parses. A request has one fiber, the
 * caller's: it blocks until the response's head is there, then the body is read.
 *
 *   struct http_answer answer;
 *   TRY(http_client_ask(&client, to, &(struct http_ask){.host = VIEW("example.org"), .target = VIEW("/")},
 *                       arena, &answer, deadline));
 *   while ((e = http_client_read(&answer, room, &data, deadline)) == OK) …
 *   http_client_done(&answer); */
#ifndef LIB_HTTP_CLIENT_H
#define LIB_HTTP_CLIENT_H

#include "base/arena.h"
#include "lib/http/body.h"
#include "sig/stream.h"
#include "wire/http.h"

enum { HTTP_CLIENT_KEPT = 8 };

/* A connection that waits for the next request to the same place. */
struct http_kept {
    struct stream *stream; /* NULL: none */
    struct endpoint to;
    u64 until;
};

struct http_client {
    struct dialer *dialer;
    struct http_kept kept[HTTP_CLIENT_KEPT];
    struct http_limits limits;
    u64 keep_ns;
    u64 dialed, reused;
};

struct http_line {
    struct view name, value;
};

SLICE(http_lines, const struct http_line);

struct http_ask {
    enum http_method method;     /* zero is GET; no CONNECT */
    struct view host, target;    /* "example.org:8080", "/path?query" */
    struct http_lines fields;    /* besides Host and the body's framing */
    struct view body;
    /* A body of unknown length, in chunks instead: (may block) the next piece, which
     * stays until the next call; ERR_EOF at the end. */
    enum err (*next)(void *arg, struct view *piece);
    void *next_arg;
};

struct http_answer {
    struct http_head head;       /* over bytes in the arena */
    struct http_body body;
    struct http_client *client;
    struct endpoint to;
};

void http_client_init(struct http_client *c, struct dialer *d);

/* (blocks) Sends the request and waits for the head of the final response; interim
 * ones are skipped. A request without side effects that fails on a kept connection
 * before an answer is sent once more on a new one (RFC 9112 §9.3.1). On OK
 * http_client_done must follow. ERR_INVALID: a name or value that would break the
 * request; ERR_MALFORMED, ERR_TOO_BIG, ERR_UNSUPPORTED: the answer; ERR_NO_MEMORY;
 * the dialer's and the stream's errors. */
enum err http_client_ask(struct http_client *c, struct endpoint to, const struct http_ask *ask,
                         struct arena *a, struct http_answer *out, u64 deadline);

/* (blocks) Some of the response's body; ERR_EOF at its end. */
enum err http_client_read(struct http_answer *answer, struct span room, struct view *got, u64 deadline);

/* The connection is kept if the body was read to its end, and closed otherwise. */
void http_client_done(struct http_answer *answer);

/* Closes every kept connection. */
void http_client_close(struct http_client *c);

#endif
