#include "base/num.h"
#include "fiber/loop.h"
#include "lib/http/internal.h"

enum {
    PIPELINE_MAX = 32,        /* requests answered before others get their turn */
    ROOM_LEAST = 512,         /* to send: the dispatcher's own last words fit */
    LINGER_BYTES = 256 * 1024,
    LINGER_TIMES = 30,
    SILENT_LOOKS = 16,        /* at newcomers, at the limit */
};
#define LINGER_NS (2 * NS_PER_S)
#define SILENT_NS NS_PER_S /* a client that means it has sent its request by then */

static u64 timeout_of(const struct http_server *s, enum http_state state)
{
    switch (state) {
    case HTTP_IDLE:
        return s->config.idle_timeout_ns;
    case HTTP_READING:
        return s->config.head_timeout_ns;
    case HTTP_QUEUED:
    case HTTP_BLOCKED:
        return s->config.body_timeout_ns;
    case HTTP_LINGER:
        return LINGER_NS;
    case HTTP_WORKING:
    case HTTP_STATES:
        break;
    }
    return FOREVER;
}

static void enter(struct http_conn *c, enum http_state state, u64 now)
{
    struct http_server *s = c->server;
    if (c->state == HTTP_QUEUED)
        s->queued--;
    if (state == HTTP_QUEUED)
        s->queued++;
    list_remove(&c->link);
    c->state = state;
    c->deadline = sat_add(now, timeout_of(s, state));
    list_push_back(&AT(s->states, state), &c->link);
}

static void forget(struct http_conn *c)
{
    if (c->state == HTTP_QUEUED)
        c->server->queued--;
    list_remove(&c->link);
    pool_free(&c->server->conns, c);
}

/* What was written is still delivered. */
static void close_orderly(struct http_conn *c)
{
    stream_watch(c->stream, NULL);
    stream_close(c->stream);
    forget(c);
}

void http_conn_abort(struct http_conn *c)
{
    stream_watch(c->stream, NULL);
    stream_abort(c->stream);
    forget(c);
}

void http_conn_linger(struct http_conn *c, u64 now)
{
    if (stream_finish(c->stream) != OK) {
        http_conn_abort(c);
        return;
    }
    enter(c, HTTP_LINGER, now);
    stream_watch(c->stream, &c->server->ready);
}

/* RFC 9112 §9.6: closing at once could reset the connection before the peer has read
 * our last words. What it still sends is thrown away until it closes too. */
static void discard(struct http_conn *c)
{
    size_t n = stream_buffered(c->stream);
    stream_consume(c->stream, n);
    if (stream_status(c->stream) == ERR_EOF)
        close_orderly(c);
    else if (n > LINGER_BYTES - c->discarded)
        http_conn_abort(c);
    else
        c->discarded += to_u32(n);
}

/* ---- refusals ---------------------------------------------------------------------- */

/* The dispatcher's own last words on a connection. */
static void refuse(struct http_conn *c, u16 status, const struct http_head *head, u64 now)
{
    struct http_server *s = c->server;
    u8 room[256];
    struct writer w = writer_of(SPAN_OF(room));
    struct view reason = http_reason(status);
    http_put_status(&w, status);
    put_text(&w, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    put_dec(&w, reason.n + 5);
    put_text(&w, "\r\n");
    put_bytes(&w, http_date_line(s));
    put_text(&w, status == 503 ? "Retry-After: 1\r\nConnection: close\r\n\r\n" : "Connection: close\r\n\r\n");
    size_t head_n = w.n;
    put_dec(&w, status);
    put_text(&w, " ");
    put_bytes(&w, reason);
    put_text(&w, "\n");
    struct view words = written(&w);
    if (head && head->method == HTTP_HEAD)
        words = view_first(words, head_n);
    count_event(&s->stats.refused);
    struct http_log_entry entry = {.remote = stream_remote(c->stream), .head = head, .status = status};
    http_log(s, &entry);
    if (words.n > stream_room(c->stream) || stream_write(c->stream, words, STREAM_COPY, 0) != OK)
        http_conn_abort(c);
    else
        http_conn_linger(c, now);
}

/* ---- requests ------------------------------------------------------------------------ */

/* What is buffered, in one piece: in place if it is, else in the dispatcher's room. */
static struct view buffered(struct http_conn *c)
{
    struct http_server *s = c->server;
    size_t n = stream_pieces(c->stream, s->pieces);
    struct view first = *stream_pieces_at(s->pieces, 0);
    if (n == 1 || first.n >= s->config.limits.head_bytes)
        return first;
    struct writer w = writer_of(s->head_room);
    for (size_t i = 0; i < n && w.n < w.out.n; i++) {
        struct view piece = *stream_pieces_at(s->pieces, i);
        put_bytes(&w, view_first(piece, MIN(piece.n, w.out.n - w.n)));
    }
    return written(&w);
}

/* A head that arrives byte by byte is not parsed again until another line is there. */
apart static enum err parse(struct http_conn *c, struct http_head *head)
{
    const struct http_limits *limits = &c->server->config.limits;
    struct view bytes = buffered(c);
    if (c->seen > 0 && c->seen <= bytes.n && bytes.n < limits->head_bytes) {
        struct view news = view_from(bytes, c->seen);
        if (view_find(news, '\n') == news.n) {
            c->seen = to_u32(bytes.n);
            return ERR_EOF;
        }
    }
    enum err e = http_parse_request(head, bytes, limits);
    c->seen = e == ERR_EOF ? to_u32(MIN(bytes.n, (size_t)limits->head_bytes)) : 0;
    return e;
}

/* Everything but a quick answer is a worker's. */
static void to_worker(struct http_conn *c, struct http_exchange *from, u64 now)
{
    struct http_server *s = c->server;
    struct http_exchange *x = http_exchange_take(s);
    if (!x) {
        if (s->queued < s->config.queue) {
            enter(c, HTTP_QUEUED, now);
        } else {
            count_event(&s->stats.shed);
            refuse(c, 503, &from->head, now);
        }
        return;
    }
    u16 status = http_exchange_start(x, c, &from->head, now);
    if (status == 0 && fiber_spawn(s->workers, "http", http_worker, x) != OK)
        status = 503;
    if (status != 0) {
        http_exchange_give(x);
        refuse(c, status, &from->head, now);
        return;
    }
    stream_consume(c->stream, from->head.bytes.n);
    stream_watch(c->stream, NULL);
    enter(c, HTTP_WORKING, now);
}

static struct http_exchange *own_exchange(struct http_server *s)
{
    return http_exchanges_at(s->exchanges, 0);
}

/* Answers the request at the start of what is buffered. True: look for the next. */
static bool serve_one(struct http_conn *c, u64 now)
{
    struct http_server *s = c->server;
    struct http_exchange *x = own_exchange(s);
    enum err e = parse(c, &x->head);
    if (e == ERR_EOF) {
        if (stream_status(c->stream) == ERR_EOF)
            http_conn_abort(c);
        else if (c->state != HTTP_READING)
            enter(c, HTTP_READING, now);
        return false;
    }
    u16 status = e == OK ? http_exchange_start(x, c, &x->head, now) : x->head.refusal;
    if (status != 0) {
        refuse(c, status, e == OK ? &x->head : NULL, now);
        return false;
    }
    if (!x->route->quick || !http_body_done(&x->body)) {
        to_worker(c, x, now);
        return false;
    }
    e = http_exchange_run(x, true);
    if (e != OK) {
        if (e == ERR_LIMIT && !x->rs.begun)
            to_worker(c, x, now);
        else
            http_conn_abort(c);
        return false;
    }
    count_event(&s->stats.quick);
    c->answered = true;
    stream_consume(c->stream, x->head.bytes.n);
    if (x->rs.close)
        http_conn_linger(c, now);
    return !x->rs.close;
}

/* Nothing is buffered: the connection rests, or ends. */
static void rest(struct http_conn *c, u64 now)
{
    if (stream_status(c->stream) == ERR_EOF)
        close_orderly(c);
    else if (c->answered)
        enter(c, HTTP_IDLE, now);
}

static void serve(struct http_conn *c, u64 now)
{
    for (u32 n = 0; n < PIPELINE_MAX; n++) {
        if (stream_buffered(c->stream) == 0) {
            rest(c, now);
            return;
        }
        if (stream_room(c->stream) < c->room_least) {
            if (c->state != HTTP_BLOCKED)
                enter(c, HTTP_BLOCKED, now);
            return;
        }
        if (!serve_one(c, now))
            return;
        if (c->state != HTTP_IDLE)
            enter(c, HTTP_IDLE, now);
    }
    stream_report(c->stream);
}

void http_conn_ready(struct http_conn *c, u64 now)
{
    enum err status = stream_status(c->stream);
    if (status != OK && status != ERR_EOF)
        http_conn_abort(c);
    else if (c->state == HTTP_LINGER)
        discard(c);
    else if (c->state == HTTP_IDLE || c->state == HTTP_READING)
        serve(c, now);
}

void http_conn_retry(struct http_conn *c, u64 now)
{
    if (c->state == HTTP_QUEUED || c->state == HTTP_BLOCKED)
        serve(c, now);
    else if (c->state == HTTP_LINGER && stream_drain(c->stream, 0) == OK)
        close_orderly(c);
}

/* ---- beginning and end ------------------------------------------------------------ */

/* Who makes room at the limit: whoever has been idle longest; else one of the oldest
 * newcomers that have not said a word for a while, so that a crowd of silent ones
 * keeps nobody out. NULL: all are at work. */
static struct http_conn *dispensable(const struct http_server *s, u64 now)
{
    const struct list *reading = &AT(s->states, HTTP_READING);
    struct link *l = list_first(&AT(s->states, HTTP_IDLE));
    if (l)
        return CONTAINER(l, struct http_conn, link);
    l = list_first(reading);
    for (u32 looks = 0; l && looks < SILENT_LOOKS; looks++, l = list_next(reading, l)) {
        struct http_conn *c = CONTAINER(l, struct http_conn, link);
        u64 since = sat_sub(c->deadline, s->config.head_timeout_ns);
        if (stream_buffered(c->stream) == 0 && now >= sat_add(since, SILENT_NS))
            return c;
    }
    return NULL;
}

/* At the limit one that is dispensable makes room: without one, 503. */
void http_conn_open(struct http_server *s, struct stream *stream, u64 now)
{
    struct http_conn *c = pool_new(&s->conns);
    struct http_conn *other = c ? NULL : dispensable(s, now);
    if (other) {
        close_orderly(other);
        c = pool_new(&s->conns);
    }
    if (!c) {
        count_event(&s->stats.shed);
        struct view words = VIEW("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
                                 "Connection: close\r\n\r\n");
        if (stream_room(stream) < words.n || stream_write(stream, words, STREAM_STATIC, 0) != OK)
            stream_abort(stream);
        else
            stream_close(stream);
        return;
    }
    count_event(&s->stats.accepted);
    c->stream = stream;
    c->server = s;
    c->room_least = to_u32(MIN((size_t)ROOM_LEAST, stream_room(stream) / 2));
    stream->owner = c;
    c->state = HTTP_READING;
    enter(c, HTTP_READING, now);
    stream_watch(stream, &s->ready);
    if (list_first(&AT(s->states, HTTP_READING)) == &c->link)
        s->ready.wake(&s->ready); /* the dispatcher may be waiting for none, without a deadline */
}

void http_conn_expired(struct http_conn *c, u64 now)
{
    struct http_server *s = c->server;
    s->stats.timeouts += c->state != HTTP_LINGER;
    switch (c->state) {
    case HTTP_READING:
        if (stream_buffered(c->stream) > 0) {
            refuse(c, 408, NULL, now);
            break;
        }
        close_orderly(c);
        break;
    case HTTP_IDLE:
        close_orderly(c);
        break;
    case HTTP_QUEUED:
        refuse(c, 503, NULL, now);
        break;
    case HTTP_LINGER:
        /* Not while the peer is still reading: a long answer takes its time. */
        if (c->lingered < LINGER_TIMES && stream_drain(c->stream, 0) == ERR_TIMEOUT) {
            c->lingered++;
            enter(c, HTTP_LINGER, now);
        } else {
            close_orderly(c);
        }
        break;
    default:
        http_conn_abort(c);
        break;
    }
}

/* What was answered on a resting connection may still be on its way. */
void http_conn_stop(struct http_conn *c, u64 now)
{
    if (c->state == HTTP_IDLE || (c->state == HTTP_READING && stream_buffered(c->stream) == 0))
        http_conn_linger(c, now);
}

void http_conn_return(struct http_conn *c, bool keep, u64 now)
{
    struct http_server *s = c->server;
    c->answered = true;
    if (keep && !s->stopping) {
        enter(c, HTTP_IDLE, now);
        stream_watch(c->stream, &s->ready);
    } else {
        http_conn_linger(c, now);
    }
}
