#include "lib/http/client.h"

#include "base/fmt.h"
#include "base/num.h"
#include "fiber/loop.h"

enum { HEAD_BYTES = 4096, PIECES = 64, INTERIM_MAX = 8 };

void http_client_init(struct http_client *c, struct dialer *d)
{
    *c = (struct http_client){
        .dialer = d,
        .limits = {.head_bytes = 16384, .target_bytes = 4096, .fields = HTTP_FIELDS_MAX},
        .keep_ns = 30 * NS_PER_S,
    };
}

/* ---- kept connections ----------------------------------------------------------------- */

static void drop(struct http_kept *k)
{
    if (k->stream)
        stream_close(k->stream);
    k->stream = NULL;
}

/* One that the peer has closed, or has sent something unasked on, is of no use. */
static bool usable(const struct http_kept *k)
{
    return k->until > loop_now() && stream_status(k->stream) == OK && stream_buffered(k->stream) == 0;
}

static struct stream *take_kept(struct http_client *c, struct endpoint to)
{
    for (size_t i = 0; i < HTTP_CLIENT_KEPT; i++) {
        struct http_kept *k = &AT(c->kept, i);
        if (!k->stream)
            continue;
        if (!usable(k)) {
            drop(k);
        } else if (endpoint_eq(k->to, to)) {
            struct stream *s = k->stream;
            k->stream = NULL;
            return s;
        }
    }
    return NULL;
}

/* In the place of the one that would end first, when all places are taken. */
static void keep(struct http_client *c, struct stream *s, struct endpoint to)
{
    struct http_kept *place = &c->kept[0];
    for (size_t i = 0; i < HTTP_CLIENT_KEPT && place->stream; i++) {
        struct http_kept *k = &AT(c->kept, i);
        if (!k->stream || k->until < place->until)
            place = k;
    }
    drop(place);
    *place = (struct http_kept){s, to, sat_add(loop_now(), c->keep_ns)};
}

void http_client_close(struct http_client *c)
{
    for (size_t i = 0; i < HTTP_CLIENT_KEPT; i++)
        drop(&AT(c->kept, i));
}

/* ---- the request ------------------------------------------------------------------------ */

/* A target that could end the request line early would smuggle a second request. */
static bool good_target(struct view target)
{
    if (target.n == 0 || view_find(target, ' ') < target.n || view_find(target, '\t') < target.n ||
        view_find(target, '#') < target.n || view_find_control(target) < target.n)
        return false;
    return view_at(target, 0) == '/' || view_eq(target, VIEW("*"));
}

static bool good_host(struct view host)
{
    return host.n > 0 && http_is_field_value(host) && view_find(host, ' ') == host.n &&
           view_find(host, '/') == host.n && view_find(host, '@') == host.n;
}

/* The framing of the message is the client's alone. */
static bool good_field(const struct http_line *line)
{
    static const char *const ours[] = {"host", "content-length", "transfer-encoding", "connection"};
    for (size_t i = 0; i < COUNT(ours); i++)
        if (view_eq_nocase(line->name, view_z(AT(ours, i))))
            return false;
    return http_is_token(line->name) && http_is_field_value(line->value);
}

static void put_line(struct writer *w, struct view name, struct view value)
{
    put_bytes(w, name);
    put_text(w, ": ");
    put_bytes(w, value);
    put_text(w, "\r\n");
}

static enum err put_head(struct writer *w, const struct http_ask *ask)
{
    if (ask->method == HTTP_METHOD_OTHER || ask->method == HTTP_CONNECT || !good_target(ask->target) ||
        !good_host(ask->host))
        return ERR_INVALID;
    put_bytes(w, http_method_text(ask->method));
    put_text(w, " ");
    put_bytes(w, ask->target);
    put_text(w, " HTTP/1.1\r\n");
    put_line(w, VIEW("Host"), ask->host);
    for (size_t i = 0; i < ask->fields.n; i++) {
        const struct http_line *line = http_lines_at(ask->fields, i);
        if (!good_field(line))
            return ERR_INVALID;
        put_line(w, line->name, line->value);
    }
    if (ask->next) {
        put_text(w, "Transfer-Encoding: chunked\r\n");
    } else if (ask->body.n > 0 || ask->method == HTTP_POST || ask->method == HTTP_PUT) {
        put_text(w, "Content-Length: ");
        put_dec(w, ask->body.n);
        put_text(w, "\r\n");
    }
    put_text(w, "\r\n");
    return w->full ? ERR_NO_MEMORY : OK;
}

static enum err send_chunks(struct stream *s, const struct http_ask *ask, u64 deadline)
{
    for (;;) {
        struct view piece;
        enum err e = ask->next(ask->next_arg, &piece);
        if (e == ERR_EOF)
            return stream_write(s, VIEW("0\r\n\r\n"), STREAM_STATIC, deadline);
        TRY(e);
        if (piece.n == 0)
            continue;
        u8 room[CHUNK_HEAD_MAX];
        struct writer w = writer_of(SPAN_OF(room));
        put_chunk_head(&w, piece.n);
        TRY(stream_write(s, written(&w), STREAM_COPY, deadline));
        TRY(stream_write(s, piece, STREAM_COPY, deadline));
        TRY(stream_write(s, VIEW("\r\n"), STREAM_STATIC, deadline));
    }
}

static enum err send_ask(struct stream *s, struct view head, const struct http_ask *ask, u64 deadline)
{
    TRY(stream_write(s, head, STREAM_COPY, deadline));
    if (ask->next)
        return send_chunks(s, ask, deadline);
    return stream_write(s, ask->body, STREAM_COPY, deadline);
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* All that is buffered, as one view in the arena. */
static struct view gathered(struct stream *s, struct arena *a, size_t most)
{
    struct view pieces[PIECES];
    size_t n = stream_pieces(s, SLICE_OF(stream_pieces, pieces));
    struct writer w = writer_of(arena_alloc(a, MIN(stream_buffered(s), most), 1));
    for (size_t i = 0; i < n && w.n < w.out.n; i++) {
        struct view piece = AT(pieces, i);
        put_bytes(&w, view_first(piece, MIN(piece.n, w.out.n - w.n)));
    }
    return written(&w);
}

/* The next head, copied into the arena and taken off the stream. */
static enum err read_head(struct stream *s, struct http_head *head, enum http_method method,
                          const struct http_limits *limits, struct arena *a, u64 deadline)
{
    size_t had = 0;
    for (;;) {
        TRY(stream_wait(s, had, deadline));
        size_t mark = arena_mark(a), left = a->mem.n - a->used;
        had = stream_buffered(s);
        /* Much of a body may be there already: only a head that does not fit is an error. */
        struct view bytes = gathered(s, a, MIN(left, (size_t)limits->head_bytes));
        if (bytes.n == 0)
            return ERR_NO_MEMORY;
        enum err e = http_parse_response(head, bytes, method, limits);
        if (e == OK) {
            arena_rewind(a, mark + head->bytes.n);
            stream_consume(s, head->bytes.n);
            return OK;
        }
        if (e != ERR_EOF)
            return e;
        if (bytes.n == left)
            return ERR_NO_MEMORY;
        arena_rewind(a, mark);
    }
}

/* 1xx answers come before the one that counts; 101 was not asked for. */
static enum err final_head(struct stream *s, struct http_answer *out, enum http_method method,
                           struct arena *a, u64 deadline)
{
    for (u32 interim = 0; interim < INTERIM_MAX; interim++) {
        enum err e = read_head(s, &out->head, method, &out->client->limits, a, deadline);
        if (e != OK)
            return e == ERR_EOF ? ERR_RESET : e;
        if (out->head.status >= 200)
            return OK;
        if (out->head.status == 101)
            return ERR_MALFORMED;
    }
    return ERR_LIMIT;
}

/* One attempt on one connection, which is gone unless it returns OK. */
static enum err attempt(struct stream *s, const struct http_ask *ask, struct view head, struct arena *a,
                        struct http_answer *out, u64 deadline)
{
    enum err e = send_ask(s, head, ask, deadline);
    if (e == OK)
        e = final_head(s, out, ask->method, a, deadline);
    if (e != OK) {
        stream_abort(s);
        return e;
    }
    out->body = http_body_of(s, &out->head);
    return OK;
}

static bool may_repeat(const struct http_ask *ask, enum err e)
{
    bool safe = ask->method != HTTP_POST && ask->method != HTTP_PATCH && !ask->next;
    return safe && (e == ERR_RESET || e == ERR_CLOSED);
}

enum err http_client_ask(struct http_client *c, struct endpoint to, const struct http_ask *ask,
                         struct arena *a, struct http_answer *out, u64 deadline)
{
    struct writer w = writer_of(arena_alloc(a, HEAD_BYTES, 1));
    TRY(put_head(&w, ask));
    out->client = c;
    out->to = to;
    struct stream *s = take_kept(c, to);
    if (s) {
        c->reused++;
        enum err e = attempt(s, ask, written(&w), a, out, deadline);
        if (e == OK || !may_repeat(ask, e))
            return e;
    }
    c->dialed++;
    TRY(dialer_dial(c->dialer, to, &s, deadline));
    return attempt(s, ask, written(&w), a, out, deadline);
}

enum err http_client_read(struct http_answer *answer, struct span room, struct view *got, u64 deadline)
{
    return http_body_read(&answer->body, room, got, deadline);
}

void http_client_done(struct http_answer *answer)
{
    struct stream *s = answer->body.stream;
    if (!http_body_done(&answer->body))
        stream_abort(s);
    else if (answer->head.keep_alive)
        keep(answer->client, s, answer->to);
    else
        stream_close(s);
}
