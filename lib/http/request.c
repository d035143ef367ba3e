#include "base/num.h"
#include "fiber/loop.h"
#include "lib/http/internal.h"
#include "wire/http_value.h"
#include "wire/uri.h"

enum err http_query(struct http_request *rq, const char *name, struct view *value)
{
    struct view rest = http_slot_view(rq->head, rq->head->query), key, encoded;
    while (uri_form_next(&rest, &key, &encoded)) {
        if (!view_eq(key, view_z(name)))
            continue;
        if (encoded.n == 0) {
            *value = VIEW_NONE;
            return OK;
        }
        struct span room = arena_alloc(rq->arena, encoded.n, 1);
        return room.n < encoded.n ? ERR_NO_MEMORY : uri_form_decode(encoded, room, value);
    }
    return ERR_NOT_FOUND;
}

struct endpoint http_remote(const struct http_request *rq)
{
    return stream_remote(rq->exchange->conn->stream);
}

bool http_accepts(const struct http_request *rq, const char *coding)
{
    struct view v;
    return http_known(rq->head, HTTP_ACCEPT_ENCODING, &v) && http_accepts_coding(v, view_z(coding));
}

/* RFC 9110 §10.1.1: the client holds its body back until it is asked for it. Once the
 * response has begun it is too late: the client would take this for a part of that. */
static enum err ask_for_body(struct http_exchange *x)
{
    if (x->continued || x->rs.begun)
        return OK;
    x->continued = true;
    return stream_write(x->conn->stream, VIEW("HTTP/1.1 100 Continue\r\n\r\n"), STREAM_STATIC,
                        loop_now() + x->server->config.body_timeout_ns);
}

/* A body may stand still for the timeout and must keep the least rate on the whole. */
static u64 deadline_of(const struct http_exchange *x)
{
    const struct http_config *config = &x->server->config;
    u64 earned = sat_add(x->body.received / config->rate_least, 1) * NS_PER_S;
    return MIN(loop_now() + config->body_timeout_ns, sat_add(x->start + config->body_timeout_ns, earned));
}

enum err http_read(struct http_request *rq, struct span room, struct view *got)
{
    struct http_exchange *x = rq->exchange;
    must(room.n > 0 && !x->rs.quick);
    if (http_body_done(&x->body))
        return ERR_EOF;
    TRY(ask_for_body(x));
    TRY(http_body_read(&x->body, room, got, deadline_of(x)));
    return x->body.received > x->server->config.body_bytes ? ERR_TOO_BIG : OK;
}

enum err http_read_all(struct http_request *rq, size_t most, struct view *body)
{
    struct http_exchange *x = rq->exchange;
    bool known = x->body.framing == HTTP_LENGTH;
    size_t size = http_body_done(&x->body) ? 0 : known ? (size_t)MIN(x->body.left, (u64)SIZE_MAX) : most;
    if (size > most)
        return ERR_TOO_BIG;
    struct span room = arena_alloc(rq->arena, size + 1, 1); /* one more: a longer body shows */
    if (room.n <= size)
        return ERR_NO_MEMORY;
    size_t n = 0;
    for (;;) {
        struct view got;
        enum err e = http_read(rq, span_from(room, n), &got);
        if (e == ERR_EOF)
            break;
        TRY(e);
        n += got.n;
        if (n > size)
            return ERR_TOO_BIG;
    }
    *body = view_of(span_first(room, n));
    return OK;
}
