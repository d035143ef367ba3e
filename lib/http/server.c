#include "base/num.h"
#include "fiber/loop.h"
#include "lib/http/internal.h"

enum { PIECES = 512, LOOKS_A_TURN = 64 };
#define RETRY_NS (20 * NS_PER_MS)

/* ---- memory ------------------------------------------------------------------------ */

static void default_u32(u32 *x, u32 value)
{
    if (*x == 0)
        *x = value;
}

static void default_u64(u64 *x, u64 value)
{
    if (*x == 0)
        *x = value;
}

static void set_defaults(struct http_config *c)
{
    default_u32(&c->connections, 256);
    default_u32(&c->workers, 16);
    default_u32(&c->queue, 64);
    default_u32(&c->limits.head_bytes, 8192);
    default_u32(&c->limits.target_bytes, 4096);
    default_u32(&c->limits.fields, 64);
    default_u32(&c->rate_least, 500);
    default_u64(&c->body_bytes, 1024 * 1024);
    default_u64(&c->head_timeout_ns, 20 * NS_PER_S);
    default_u64(&c->body_timeout_ns, 20 * NS_PER_S);
    default_u64(&c->idle_timeout_ns, 60 * NS_PER_S);
    default_u64(&c->stop_timeout_ns, 10 * NS_PER_S);
    if (c->request_bytes == 0)
        c->request_bytes = 16384;
}

static void wake_dispatcher(struct stream_ready *ready)
{
    waiters_wake_one(&CONTAINER(ready, struct http_server, ready)->wake);
}

/* One exchange is the dispatcher's; its arena serves quick answers. */
static enum err make_exchanges(struct http_server *s, struct arena *a)
{
    size_t n = (size_t)s->config.workers + 1;
    s->exchanges = NEW_SLICE(a, http_exchanges, n);
    if (!s->exchanges.p)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        struct http_exchange *x = http_exchanges_at(s->exchanges, i);
        struct span mem = arena_alloc(a, s->config.request_bytes, 16);
        if (mem.n == 0)
            return ERR_NO_MEMORY;
        arena_init(&x->arena, mem);
        x->server = s;
        if (i > 0)
            http_exchange_give(x);
    }
    return OK;
}

apart enum err http_server_new(struct http_server **out, struct arena *a, const struct http_config *config)
{
    struct http_server *s = NEW(a, struct http_server);
    if (!s)
        return ERR_NO_MEMORY;
    s->config = *config;
    set_defaults(&s->config);
    if (s->config.limits.head_bytes > HTTP_HEAD_MAX || s->config.limits.fields > HTTP_FIELDS_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < s->config.routes.n; i++)
        TRY(http_route_check(http_routes_at(s->config.routes, i)));
    TRY(pool_init(&s->conns, a, s->config.connections, sizeof(struct http_conn), _Alignof(struct http_conn)));
    TRY(make_exchanges(s, a));
    s->head_room = arena_alloc(a, s->config.limits.head_bytes, 16);
    s->pieces = NEW_SLICE(a, stream_pieces, PIECES);
    if (s->head_room.n == 0 || !s->pieces.p)
        return ERR_NO_MEMORY;
    s->ready.wake = wake_dispatcher;
    *out = s;
    return OK;
}

/* ---- the dispatcher ------------------------------------------------------------------ */

static struct http_conn *first_in(const struct http_server *s, enum http_state state)
{
    struct link *l = list_first(&AT(s->states, state));
    return l ? CONTAINER(l, struct http_conn, link) : NULL;
}

/* Calls fn for every connection of a state; it may end that one, but no other. */
static void each(struct http_server *s, enum http_state state, void (*fn)(struct http_conn *, u64), u64 now)
{
    struct list *list = &AT(s->states, state);
    struct link *last = list_last(list), *next = list_first(list);
    while (next) {
        struct link *l = next;
        next = l == last ? NULL : list_next(list, l);
        fn(CONTAINER(l, struct http_conn, link), now);
    }
}

static void look_at_ready(struct http_server *s, u64 now)
{
    for (u32 n = 0; n < LOOKS_A_TURN; n++) {
        struct link *l = list_pop(&s->ready.streams);
        if (!l)
            return;
        http_conn_ready(CONTAINER(l, struct stream, ready)->owner, now);
    }
}

static void look_at_waiting(struct http_server *s, u64 now)
{
    for (struct http_conn *c = first_in(s, HTTP_QUEUED); c && s->free; c = first_in(s, HTTP_QUEUED))
        http_conn_retry(c, now);
    each(s, HTTP_BLOCKED, http_conn_retry, now);
    if (s->stopping)
        each(s, HTTP_LINGER, http_conn_retry, now);
}

static void expire(struct http_server *s, u64 now)
{
    for (enum http_state state = HTTP_IDLE; state < HTTP_WORKING; state++)
        for (struct http_conn *c = first_in(s, state); c && c->deadline <= now; c = first_in(s, state))
            http_conn_expired(c, now);
}

/* Peers that do not read are not reported when they do: they are looked at instead. */
static u64 next_look(const struct http_server *s, u64 now)
{
    u64 next = s->stopping ? s->stop_at : FOREVER;
    for (enum http_state state = HTTP_IDLE; state < HTTP_WORKING; state++) {
        const struct http_conn *c = first_in(s, state);
        if (c)
            next = MIN(next, c->deadline);
    }
    if (first_in(s, HTTP_BLOCKED) || (s->stopping && first_in(s, HTTP_LINGER)))
        next = MIN(next, now + RETRY_NS);
    return next;
}

static enum err dispatch(struct http_server *s)
{
    for (;;) {
        u64 now = loop_now();
        look_at_ready(s, now);
        look_at_waiting(s, now);
        expire(s, now);
        if (s->stopping) {
            each(s, HTTP_IDLE, http_conn_stop, now);
            each(s, HTTP_READING, http_conn_stop, now);
            if (s->conns.used == 0 || now >= s->stop_at)
                return OK;
        }
        enum err e = OK;
        if (!list_empty(&s->ready.streams))
            e = fiber_yield();
        else
            e = waiters_wait(&s->wake, next_look(s, now));
        if (e != OK && e != ERR_TIMEOUT)
            return e;
    }
}

/* ---- serving -------------------------------------------------------------------------- */

static void accept_streams(void *server)
{
    struct http_server *s = server;
    for (;;) {
        struct stream *stream;
        enum err e = listener_accept(s->listener, &stream, FOREVER);
        if (e == ERR_CLOSED || e == ERR_CANCELED)
            return;
        if (e == OK)
            http_conn_open(s, stream, loop_now());
        else if (fiber_sleep_ns(RETRY_NS) != OK)
            return;
    }
}

static void wait_for_stop(void *server)
{
    if (loop_wait_stop(FOREVER) == OK)
        http_stop(server);
}

static void close_listener(struct http_server *s)
{
    if (s->listening)
        listener_close(s->listener);
    s->listening = false;
}

void http_stop(struct http_server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->stop_at = sat_add(loop_now(), s->config.stop_timeout_ns);
    close_listener(s);
    waiters_wake_all(&s->wake);
}

enum err http_serve(struct http_server *s, struct listener *l)
{
    must(!s->listening);
    s->listener = l;
    s->listening = true;
    SCOPE(workers, "http requests");
    SCOPE(helpers, "http server");
    s->workers = &workers;
    enum err e = fiber_spawn(&helpers, "http accept", accept_streams, s);
    if (e == OK)
        e = fiber_spawn(&helpers, "http stop", wait_for_stop, s);
    if (e == OK)
        e = dispatch(s);
    close_listener(s);
    scope_leave(&helpers);
    scope_leave(&workers);
    for (enum http_state state = HTTP_IDLE; state < HTTP_STATES; state++)
        for (struct http_conn *c = first_in(s, state); c; c = first_in(s, state))
            http_conn_abort(c);
    s->stopping = false;
    return e;
}

struct http_stats http_stats(const struct http_server *s)
{
    struct http_stats stats = s->stats;
    stats.connections = s->conns.used;
    for (const struct http_conn *c = first_in(s, HTTP_WORKING); c; stats.working++) {
        struct link *l = list_next(&AT(s->states, HTTP_WORKING), &c->link);
        c = l ? CONTAINER(l, struct http_conn, link) : NULL;
    }
    return stats;
}
