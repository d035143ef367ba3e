/* An HTTP/1.1 server (RFC 9110, 9112) over streams. A handler is written in direct
 * style: it reads the request, writes the response, and returns; it runs in a fiber
 * of its own with an arena of its own, both taken from fixed sets only once a whole
 * request head is there. Connections that wait hold neither. Everything is limited
 * (struct http_config); at a limit the client gets the status code for it.
 *
 *   static enum err hello(struct http_request *rq, struct http_response *rs)
 *   {
 *       TRY(http_text(rs, "hello "));
 *       return http_write(rs, http_param(rq, "name"));
 *   }
 *   static const struct http_route routes[] = {{HTTP_GET, "/hello/:name", hello}};
 *   …http_server_new(&server, arena, &(struct http_config){.routes = HTTP_ROUTES(routes)})…
 *   …http_serve(server, listener)… */
#ifndef LIB_HTTP_HTTP_H
#define LIB_HTTP_HTTP_H

#include "base/pool.h"
#include "fiber/fiber.h"
#include "lib/http/body.h"
#include "sig/stream.h"
#include "wire/http.h"

struct http_request;
struct http_response;

/* What it returns when nothing has been sent yet becomes the response: OK an empty
 * one with the status set, ERR_NOT_FOUND 404, ERR_MALFORMED 400, ERR_TOO_BIG 413,
 * ERR_NO_MEMORY and ERR_LIMIT 503, any other 500. After that it cuts the connection. */
struct http_route {
    enum http_method method; /* GET serves HEAD as well */
    const char *pattern;     /* "/", "/user/:id" (one segment), "/files/" "*" (all the rest) */
    enum err (*handle)(struct http_request *rq, struct http_response *rs);
    void *context;           /* in rq->context */
    /* The handler never blocks and answers with one http_send, http_respond or less
     * than a buffer of http_write: it runs without a fiber of its own while there is
     * room to send, and may be run a second time in one when there is not. */
    bool quick;
};

SLICE(http_routes, const struct http_route);
#define HTTP_ROUTES(array) SLICE_OF(http_routes, array)

struct http_log_entry {
    struct endpoint remote;
    const struct http_head *head; /* NULL: the request was not understood */
    u16 status;
    u64 body_bytes;               /* sent */
    u64 duration_ns;
};

/* Zero stands for the value in brackets. */
struct http_config {
    struct http_routes routes;
    u32 connections;        /* at once [256] */
    u32 workers;            /* requests in handlers at once [16] */
    u32 queue;              /* requests waiting for a worker [64] */
    size_t request_bytes;   /* each worker's arena: a request's head and what its handler takes [16 KiB] */
    struct http_limits limits; /* [8 KiB, 4 KiB, 64 fields] */
    u64 body_bytes;         /* longest request body [1 MiB] */
    u64 head_timeout_ns;    /* from the first byte (or the connection) to the whole head [20 s] */
    u64 body_timeout_ns;    /* without progress, for reading and for writing [20 s] */
    u64 idle_timeout_ns;    /* between requests [60 s] */
    u64 stop_timeout_ns;    /* for requests in flight when the appliance stops [10 s] */
    u32 rate_least;         /* bytes a second that a body must move at [500] */
    struct view fields;     /* whole lines, each with CR LF, that go into every response; static */
    void (*log)(void *arg, const struct http_log_entry *e);
    void *log_arg;
};

struct http_param {
    struct view name, value;
};

enum { HTTP_PARAMS_MAX = 8 };

struct http_request {
    const struct http_head *head;
    struct view path;          /* decoded, without dot segments; begins with a slash */
    struct arena *arena;       /* this request's memory */
    void *context;
    /* the server's: */
    struct http_exchange *exchange;
    u32 params_n;
    struct http_param params[HTTP_PARAMS_MAX];
};

/* ---- the request ----------------------------------------------------------------- */

/* What `:name` (or the rest, "*") of the pattern stands for; a name that the pattern
 * lacks traps. */
struct view http_param(const struct http_request *rq, const char *name);

/* Who asks. */
struct endpoint http_remote(const struct http_request *rq);

/* The first value of `name` in the query, decoded into the arena. ERR_NOT_FOUND,
 * ERR_MALFORMED, ERR_NO_MEMORY. */
enum err http_query(struct http_request *rq, const char *name, struct view *value);

/* Does the client accept this content coding, such as "gzip" (RFC 9110 §12.5.3)? */
bool http_accepts(const struct http_request *rq, const char *coding);

/* (blocks) Reads some of the request's body into `room`; ERR_EOF at its end. Sends
 * 100 Continue first where the client waits for it. ERR_TIMEOUT: slower than the
 * limits allow; ERR_TOO_BIG; ERR_MALFORMED; ERR_RESET and the like. */
enum err http_read(struct http_request *rq, struct span room, struct view *got);

/* (blocks) The whole body, in the arena, if it has at most `most` bytes. */
enum err http_read_all(struct http_request *rq, size_t most, struct view *body);

/* ---- the response ---------------------------------------------------------------- */

/* Before anything is sent. The status is 200 unless set. A field that would break
 * the head (RFC 9110 §5.5) is ERR_INVALID. Content-Type as well as any other;
 * Content-Length, Transfer-Encoding, Connection and Date are the server's. */
void http_status(struct http_response *rs, u16 status);
enum err http_set(struct http_response *rs, const char *name, struct view value);

/* (blocks) Sends a whole response at once. */
enum err http_send(struct http_response *rs, const char *mime, struct view body, enum stream_life life);

/* (blocks) Says how long the body will be, which is then written with http_write
 * and must come to exactly that. */
enum err http_begin(struct http_response *rs, u64 length);

/* (blocks) Writes a part of the body. Without http_begin a short body (up to 2 KiB
 * in all) is sent at the end with its length, a longer one in chunks. */
enum err http_write(struct http_response *rs, struct view data);
enum err http_text(struct http_response *rs, const char *text);

/* (blocks) Sends what has been written so far. */
enum err http_flush(struct http_response *rs);

/* (blocks) A short page that names the status, in the place of what was written. */
enum err http_error(struct http_response *rs, u16 status);

/* (blocks) 301, 302, 303, 307 or 308 to a URI reference. */
enum err http_redirect(struct http_response *rs, u16 status, struct view location);

/* Something that is there as a whole, with what HTTP wants to know of it. */
struct http_representation {
    struct view body;
    enum stream_life life;
    struct view mime;
    struct view etag;            /* strong, with its quotes; empty: none */
    struct view last_modified;   /* as HTTP date; empty: none */
    u64 modified_unix_s;
    struct view coding;          /* Content-Encoding; empty: none */
    bool vary;                   /* Vary: Accept-Encoding */
    struct view head_200, head_304; /* where they are known beforehand, as store/bundle.h says */
    struct view fields;          /* whole lines to add to 200, 206 and 304 */
};

/* (blocks) Answers GET or HEAD with it, or with 304, 206, 412 or 416 as the
 * request's conditions and ranges ask (RFC 9110 §13, §14). */
enum err http_respond(struct http_request *rq, struct http_response *rs, const struct http_representation *r);

/* ---- the server ------------------------------------------------------------------ */

struct http_stats {
    u64 requests, quick, refused, shed, timeouts, accepted;
    u32 connections, working;
};

struct http_server; /* lib/http/internal.h, for lib/http only */

/* All its memory is taken here. ERR_NO_MEMORY, ERR_INVALID (a pattern). */
enum err http_server_new(struct http_server **out, struct arena *a, const struct http_config *config);

/* (blocks) Serves streams of `l` until http_stop, or until the user stops the
 * appliance (SIGTERM): then it accepts no more, lets requests in flight end within
 * stop_timeout, and answers OK. The listener is closed. */
enum err http_serve(struct http_server *s, struct listener *l);

/* Makes http_serve come to its end, gracefully. Any fiber may call it. */
void http_stop(struct http_server *s);

struct http_stats http_stats(const struct http_server *s);

#endif
