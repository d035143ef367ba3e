/* What the files of lib/http share. One dispatcher fiber watches every connection
 * that is not in a handler; connections wait in one list for each state, and since
 * all waits of a state are equally long, each list is in the order of deadlines:
 * ten thousand deadlines cost two list operations a request and no timer. */
#ifndef LIB_HTTP_INTERNAL_H
#define LIB_HTTP_INTERNAL_H

#include "base/fmt.h"
#include "lib/http/http.h"

enum http_state {
    HTTP_IDLE,    /* between requests, nothing buffered */
    HTTP_READING, /* a part of a head is there, or nothing yet on a new connection */
    HTTP_QUEUED,  /* a whole head, and no worker free */
    HTTP_BLOCKED, /* the peer does not read: no room to answer */
    HTTP_LINGER,  /* answered for the last time (RFC 9112 §9.6) */
    HTTP_WORKING, /* a worker's */
    HTTP_STATES
};

struct http_conn {
    struct stream *stream;
    struct http_server *server;
    struct link link;   /* in server->states[state] */
    u64 deadline;
    u32 seen;           /* bytes of an unfinished head that were looked at */
    u32 room_least;     /* less room to send than this: HTTP_BLOCKED */
    u32 discarded;      /* while lingering */
    u32 lingered;       /* times that it was given longer */
    enum http_state state;
    bool answered : 1;      /* at least one request */
};

struct http_response {
    struct http_exchange *exchange;
    u16 status;
    bool quick : 1;         /* must not block: what does not fit is ERR_LIMIT */
    bool begun : 1;         /* the head is out */
    bool no_body : 1;       /* HEAD, 204, 304: the head is all */
    bool has_length : 1, chunked : 1, close : 1;
    u64 left;           /* with has_length */
    u64 body_bytes;     /* sent, for the log */
    u64 waited_ns;      /* for the peer to take them */
    struct writer fields; /* lines set by the handler */
    struct writer body; /* collected by http_write */
};

/* One request being answered and all its memory: a worker's, or the dispatcher's. */
struct http_exchange {
    struct http_server *server;
    struct http_conn *conn;
    const struct http_route *route;
    u64 start;
    struct http_exchange *next_free;
    u32 allow;          /* the methods of its path, where its own is not among them */
    bool continued : 1;     /* 100 Continue has been sent, or is not awaited */
    struct arena arena;
    struct http_body body;
    struct http_response rs;
    struct http_request rq;
    struct http_head head;
};

SLICE(http_exchanges, struct http_exchange);

struct http_server {
    struct list states[HTTP_STATES];
    struct http_exchange *free;
    struct listener *listener;
    u32 queued;
    bool stopping : 1, listening : 1;
    struct http_stats stats;
    struct stream_ready ready;
    struct waiters wake;
    struct http_config config;
    struct pool conns;
    struct scope *workers;           /* http_serve's */
    struct http_exchanges exchanges; /* the first is the dispatcher's */
    struct span head_room;          /* heads that came in pieces */
    struct stream_pieces pieces;
    u64 stop_at;
    u64 date_until;                 /* monotonic; then `date` is old */
    u8 date[37];                    /* "Date: …\r\n" */
    u64 fail_at;                    /* test: goes into the arena of each exchange */
};

enum { HTTP_ROUTE_PATTERN_SEGMENTS = 16 };

/* conn.c: what a connection does next. Only the dispatcher calls these … */
void http_conn_open(struct http_server *s, struct stream *stream, u64 now);
void http_conn_ready(struct http_conn *c, u64 now);   /* something came, or room did */
void http_conn_retry(struct http_conn *c, u64 now);   /* what it waited for may be there now */
void http_conn_expired(struct http_conn *c, u64 now);
void http_conn_stop(struct http_conn *c, u64 now);    /* the server is stopping */
/* … and these a worker as well. */
void http_conn_linger(struct http_conn *c, u64 now);  /* no more from us; ends when the peer does */
void http_conn_abort(struct http_conn *c);
void http_conn_return(struct http_conn *c, bool keep, u64 now);

/* exchange.c */
struct http_exchange *http_exchange_take(struct http_server *s); /* NULL: all in use */
void http_exchange_give(struct http_exchange *x);
/* Sets a parsed head up as a request. Answers a status to refuse it with, or 0. */
u16 http_exchange_start(struct http_exchange *x, struct http_conn *c, const struct http_head *head, u64 now);
/* Runs the handler and completes the response. ERR_LIMIT before anything was sent:
 * quick, and needs a worker. Any other error: the connection is of no use any more. */
enum err http_exchange_run(struct http_exchange *x, bool quick);
void http_log(struct http_server *s, const struct http_log_entry *e);
/* The fiber of a worker. */
void http_worker(void *exchange);

/* route.c: the route for a request (NULL: none), its parameters, and the methods
 * that its path has. */
enum err http_route_check(const struct http_route *r);
const struct http_route *http_route(const struct http_routes *routes, enum http_method m,
                                    struct http_request *rq, u32 *methods);
void http_put_allow(struct writer *w, u32 methods);

/* response.c */
void http_response_start(struct http_response *rs, struct http_exchange *x, bool quick);
enum err http_response_end(struct http_response *rs);
/* The head's last lines: Date, Connection, the config's and the handler's fields. */
void http_put_tail(struct writer *w, struct http_response *rs);
void http_put_status(struct writer *w, u16 status);
void http_put_field(struct writer *w, const char *name, struct view value);
/* Writes within the deadline that the least rate gives. */
enum err http_put(struct http_response *rs, struct view data, enum stream_life life);
/* False: quick, and n bytes do not fit. */
bool http_fits(const struct http_response *rs, size_t n);
struct view http_date_line(struct http_server *s);
u16 http_status_of(enum err e);

#endif
