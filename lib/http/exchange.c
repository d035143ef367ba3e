#include "base/num.h"
#include "fiber/loop.h"
#include "lib/http/internal.h"
#include "wire/uri.h"

enum { DRAIN_BYTES = 64 * 1024 }; /* of a body that the handler left unread */

struct http_exchange *http_exchange_take(struct http_server *s)
{
    struct http_exchange *x = s->free;
    if (x)
        s->free = x->next_free;
    return x;
}

void http_exchange_give(struct http_exchange *x)
{
    x->next_free = x->server->free;
    x->server->free = x;
}

static enum err decode_path(struct http_exchange *x)
{
    struct view path = http_slot_view(&x->head, x->head.path);
    if (path.n == 0) /* absolute-form without a path: RFC 9110 §4.2.3 */
        path = VIEW("/");
    x->rq.path = path;
    if (uri_path_plain(path))
        return OK;
    struct span room = arena_alloc(&x->arena, path.n, 1);
    if (room.n < path.n)
        return ERR_NO_MEMORY;
    return uri_path(path, room, &x->rq.path);
}

/* OPTIONS, and methods that the path does not have. */
static enum err other_method(struct http_request *rq, struct http_response *rs)
{
    u8 room[80];
    struct writer w = writer_of(SPAN_OF(room));
    http_put_allow(&w, rq->exchange->allow);
    TRY(http_set(rs, "Allow", written(&w)));
    if (rq->head->method != HTTP_OPTIONS)
        return http_error(rs, 405);
    http_status(rs, 204);
    return OK;
}

static enum err no_such_path(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    return http_error(rs, 404);
}

static const struct http_route not_found = {.handle = no_such_path, .quick = true};
static const struct http_route not_allowed = {.handle = other_method, .quick = true};

static const struct http_route *route_of(struct http_exchange *x)
{
    const struct http_routes *routes = &x->server->config.routes;
    if (view_eq(x->rq.path, VIEW("*"))) { /* OPTIONS *: about the server */
        x->allow = 0;
        for (size_t i = 0; i < routes->n; i++)
            x->allow |= 1u << http_routes_at(*routes, i)->method;
        return &not_allowed;
    }
    const struct http_route *r = http_route(routes, x->head.method, &x->rq, &x->allow);
    if (r)
        return r;
    return x->allow == 0 ? &not_found : &not_allowed;
}

u16 http_exchange_start(struct http_exchange *x, struct http_conn *c, const struct http_head *head, u64 now)
{
    arena_reset(&x->arena);
    x->arena.fail_at = x->server->fail_at;
    x->conn = c;
    x->start = now;
    if (head != &x->head) {
        struct view bytes = arena_copy(&x->arena, head->bytes);
        if (bytes.n < head->bytes.n)
            return 503;
        http_head_move(&x->head, head, bytes);
    }
    x->continued = !x->head.expect_continue;
    x->body = http_body_of(c->stream, &x->head);
    x->rq.head = &x->head;
    x->rq.arena = &x->arena;
    x->rq.exchange = x;
    x->rq.params_n = 0;
    if (x->head.method == HTTP_METHOD_OTHER || x->head.method == HTTP_CONNECT)
        return 501;
    if (x->head.content_length > x->server->config.body_bytes)
        return 413;
    if (!view_eq(http_slot_view(&x->head, x->head.path), VIEW("*"))) {
        enum err e = decode_path(x);
        if (e != OK)
            return http_status_of(e);
    } else {
        x->rq.path = VIEW("*");
    }
    x->route = route_of(x);
    x->rq.context = x->route->context;
    return 0;
}

void http_log(struct http_server *s, const struct http_log_entry *e)
{
    count_event(&s->stats.requests);
    if (s->config.log)
        s->config.log(s->config.log_arg, e);
}

static void log_exchange(struct http_exchange *x)
{
    struct http_log_entry e = {
        .head = &x->head,
        .status = x->rs.status,
        .body_bytes = x->rs.body_bytes,
        .duration_ns = sat_sub(loop_now(), x->start),
    };
    if (x->server->config.log)
        e.remote = http_remote(&x->rq);
    http_log(x->server, &e);
}

/* A handler that failed before it said anything leaves it to us to say. */
static enum err answer_error(struct http_response *rs, enum err e)
{
    struct http_exchange *x = rs->exchange;
    bool quick = rs->quick;
    if (e == ERR_RESET || e == ERR_CANCELED || e == ERR_CLOSED || e == ERR_UNREACHABLE)
        return e;
    /* Its memory may be what ran out: what it took is given back for these words. */
    arena_rewind(&x->arena, MIN(arena_mark(&x->arena), x->head.bytes.n));
    http_response_start(rs, x, quick);
    rs->close |= !http_body_done(&x->body);
    return http_error(rs, http_status_of(e));
}

enum err http_exchange_run(struct http_exchange *x, bool quick)
{
    struct http_response *rs = &x->rs;
    http_response_start(rs, x, quick);
    enum err e = x->route->handle(&x->rq, rs);
    if (e == OK)
        e = http_response_end(rs);
    if (e == ERR_LIMIT && quick && !rs->begun)
        return e;
    if (e != OK && !rs->begun)
        e = answer_error(rs, e);
    if (e == ERR_LIMIT && quick && !rs->begun)
        return e;
    log_exchange(x);
    return e;
}

/* Reads what the handler left of the body, if that is little: else the connection
 * ends with this response. */
static enum err drain(struct http_exchange *x)
{
    u8 room[512];
    u64 limit = x->body.received + DRAIN_BYTES;
    while (!http_body_done(&x->body)) {
        struct view got;
        if (x->rs.close || x->body.received >= limit)
            return ERR_LIMIT;
        enum err e = http_read(&x->rq, SPAN_OF(room), &got);
        if (e != OK && e != ERR_EOF)
            return e;
    }
    return OK;
}

void http_worker(void *exchange)
{
    struct http_exchange *x = exchange;
    struct http_server *s = x->server;
    struct http_conn *c = x->conn;
    enum err e = http_exchange_run(x, false);
    bool keep = e == OK && drain(x) == OK && !x->rs.close;
    http_exchange_give(x);
    if (e == OK)
        http_conn_return(c, keep, loop_now());
    else
        http_conn_abort(c);
    waiters_wake_one(&s->wake); /* for the next in the queue */
}
