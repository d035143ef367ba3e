#include "base/num.h"
#include "fiber/loop.h"
#include "lib/http/internal.h"
#include "sig/clock.h"

enum {
    FIELDS_BYTES = 2048, /* lines that a handler sets */
    BODY_BYTES = 2048,   /* collected by http_write before anything is sent */
    HEAD_BYTES = 512,    /* of a head besides its fields */
    CHUNK_END = 2,
};

void http_response_start(struct http_response *rs, struct http_exchange *x, bool quick)
{
    *rs = (struct http_response){
        .exchange = x,
        .status = 200,
        .quick = quick,
        .no_body = x->head.method == HTTP_HEAD,
        .close = !x->head.keep_alive,
    };
}

void http_status(struct http_response *rs, u16 status)
{
    must(!rs->begun && status >= 200 && status <= 599);
    rs->status = status;
}

enum err http_set(struct http_response *rs, const char *name, struct view value)
{
    must(!rs->begun);
    if (!http_is_token(view_z(name)) || !http_is_field_value(value))
        return ERR_INVALID;
    if (!rs->fields.out.p)
        rs->fields = writer_of(arena_alloc(&rs->exchange->arena, FIELDS_BYTES, 1));
    http_put_field(&rs->fields, name, value);
    return rs->fields.full ? ERR_NO_MEMORY : OK;
}

/* ---- heads ----------------------------------------------------------------------- */

void http_put_field(struct writer *w, const char *name, struct view value)
{
    put_text(w, name);
    put_text(w, ": ");
    put_bytes(w, value);
    put_text(w, "\r\n");
}

void http_put_status(struct writer *w, u16 status)
{
    put_text(w, "HTTP/1.1 ");
    put_dec(w, status);
    put_text(w, " ");
    put_bytes(w, http_reason(status));
    put_text(w, "\r\n");
}

/* Written out once a second (RFC 9110 §6.6.1). */
struct view http_date_line(struct http_server *s)
{
    if (loop_now() >= s->date_until) {
        u64 wall = clock_wall_ns();
        struct writer w = writer_of(SPAN_OF(s->date));
        put_text(&w, "Date: ");
        put_http_date(&w, date_of(wall / NS_PER_S));
        put_text(&w, "\r\n");
        s->date_until = loop_now() + NS_PER_S - wall % NS_PER_S;
    }
    return VIEW_OF(s->date);
}

void http_put_tail(struct writer *w, struct http_response *rs)
{
    struct http_server *s = rs->exchange->server;
    put_bytes(w, http_date_line(s));
    /* A client that still holds its body back will not send it after this. */
    rs->close |= s->stopping || !rs->exchange->continued;
    if (rs->close)
        put_text(w, "Connection: close\r\n");
    else if (rs->exchange->head.minor == 0)
        put_text(w, "Connection: keep-alive\r\n");
    put_bytes(w, s->config.fields);
    put_bytes(w, written(&rs->fields));
    put_text(w, "\r\n");
}

/* ---- writing ---------------------------------------------------------------------- */

bool http_fits(const struct http_response *rs, size_t n)
{
    return !rs->quick || n <= stream_room(rs->exchange->conn->stream);
}

static u64 time_for(const struct http_config *config, u64 bytes)
{
    u64 seconds = MIN(bytes / config->rate_least, (u64)UINT32_MAX);
    return sat_add(config->body_timeout_ns, seconds * NS_PER_S);
}

/* How long the peer may take for the next n bytes: by themselves, and less what it has
 * taken for those before, on the whole. */
static u64 patience(const struct http_response *rs, size_t n)
{
    const struct http_config *config = &rs->exchange->server->config;
    u64 whole = sat_sub(time_for(config, rs->body_bytes), rs->waited_ns);
    return MIN(time_for(config, n), whole);
}

enum err http_put(struct http_response *rs, struct view data, enum stream_life life)
{
    struct stream *stream = rs->exchange->conn->stream;
    if (data.n == 0)
        return OK;
    if (rs->quick)
        return stream_write(stream, data, life, 0);
    u64 start = loop_now();
    enum err e = stream_write(stream, data, life, sat_add(start, patience(rs, data.n)));
    rs->waited_ns += loop_now() - start;
    return e;
}

static bool without_body(u16 status)
{
    return status < 200 || status == 204 || status == 304;
}

/* The end of a body of unknown length is told by chunks, and to HTTP/1.0 by closing. */
static void choose_framing(struct http_response *rs)
{
    rs->chunked = !rs->has_length && !without_body(rs->status) && rs->exchange->head.minor > 0;
    if (!rs->has_length && !rs->chunked && !without_body(rs->status))
        rs->close = true;
    rs->no_body |= without_body(rs->status);
}

static enum err send_head(struct http_response *rs, const char *mime)
{
    struct http_exchange *x = rs->exchange;
    size_t n = HEAD_BYTES + x->server->config.fields.n + rs->fields.n;
    size_t mark = arena_mark(&x->arena);
    struct writer w = writer_of(arena_alloc(&x->arena, n, 1));
    choose_framing(rs);
    http_put_status(&w, rs->status);
    if (mime)
        http_put_field(&w, "Content-Type", view_z(mime));
    if (rs->has_length && !without_body(rs->status)) {
        put_text(&w, "Content-Length: ");
        put_dec(&w, rs->left);
        put_text(&w, "\r\n");
    }
    if (rs->chunked)
        put_text(&w, "Transfer-Encoding: chunked\r\n");
    http_put_tail(&w, rs);
    if (w.full)
        return ERR_NO_MEMORY;
    if (!http_fits(rs, w.n))
        return ERR_LIMIT;
    rs->begun = true;
    enum err e = http_put(rs, written(&w), STREAM_COPY);
    arena_rewind(&x->arena, mark);
    return e;
}

/* Body bytes onto the stream, within the framing that the head has promised. */
static enum err send_data(struct http_response *rs, struct view data, enum stream_life life)
{
    if (rs->has_length) {
        if (data.n > rs->left)
            return ERR_INVALID;
        rs->left -= data.n;
    }
    if (rs->no_body || data.n == 0)
        return OK;
    rs->body_bytes += data.n;
    if (!rs->chunked)
        return http_put(rs, data, life);
    u8 room[CHUNK_HEAD_MAX];
    struct writer w = writer_of(SPAN_OF(room));
    put_chunk_head(&w, data.n);
    TRY(http_put(rs, written(&w), STREAM_COPY));
    TRY(http_put(rs, data, life));
    return http_put(rs, VIEW("\r\n"), STREAM_STATIC);
}

enum err http_begin(struct http_response *rs, u64 length)
{
    must(!rs->begun && rs->body.n == 0);
    if (rs->quick)
        return ERR_LIMIT;
    rs->has_length = true;
    rs->left = length;
    return send_head(rs, NULL);
}

enum err http_send(struct http_response *rs, const char *mime, struct view body, enum stream_life life)
{
    must(!rs->begun && rs->body.n == 0);
    rs->has_length = true;
    rs->left = body.n;
    if (!http_fits(rs, HEAD_BYTES + rs->exchange->server->config.fields.n + rs->fields.n + body.n))
        return ERR_LIMIT;
    TRY(send_head(rs, mime));
    return send_data(rs, body, life);
}

/* What http_write has collected goes out; the head before it. */
enum err http_flush(struct http_response *rs)
{
    if (rs->quick)
        return ERR_LIMIT;
    if (!rs->begun)
        TRY(send_head(rs, NULL));
    TRY(send_data(rs, written(&rs->body), STREAM_COPY));
    rs->body.n = 0;
    return OK;
}

enum err http_write(struct http_response *rs, struct view data)
{
    if (rs->begun && rs->has_length)
        return send_data(rs, data, STREAM_COPY);
    if (!rs->body.out.p)
        rs->body = writer_of(arena_alloc(&rs->exchange->arena, BODY_BYTES, 1));
    if (rs->body.out.n == 0)
        return ERR_NO_MEMORY;
    if (data.n > rs->body.out.n - rs->body.n)
        TRY(http_flush(rs));
    if (data.n > rs->body.out.n)
        return send_data(rs, data, STREAM_COPY);
    put_bytes(&rs->body, data);
    return OK;
}

enum err http_text(struct http_response *rs, const char *text)
{
    return http_write(rs, view_z(text));
}

enum err http_response_end(struct http_response *rs)
{
    if (!rs->begun) { /* all of it was collected: its length is known */
        rs->has_length = true;
        rs->left = rs->body.n;
        if (!http_fits(rs, HEAD_BYTES + rs->exchange->server->config.fields.n + rs->fields.n + rs->body.n))
            return ERR_LIMIT;
        TRY(send_head(rs, NULL));
    }
    TRY(send_data(rs, written(&rs->body), STREAM_COPY));
    if (rs->has_length)
        return rs->left == 0 || rs->no_body ? OK : ERR_INVALID;
    return rs->chunked && !rs->no_body ? http_put(rs, VIEW("0\r\n\r\n"), STREAM_STATIC) : OK;
}

/* ---- short answers ------------------------------------------------------------------ */

u16 http_status_of(enum err e)
{
    switch (e) {
    case ERR_NOT_FOUND:
        return 404;
    case ERR_MALFORMED:
        return 400;
    case ERR_TOO_BIG:
        return 413;
    case ERR_NO_MEMORY:
    case ERR_LIMIT:
        return 503;
    case ERR_TIMEOUT:
        return 408;
    default:
        return 500;
    }
}

enum err http_error(struct http_response *rs, u16 status)
{
    u8 room[64];
    struct writer w = writer_of(SPAN_OF(room));
    put_dec(&w, status);
    put_text(&w, " ");
    put_bytes(&w, http_reason(status));
    put_text(&w, "\n");
    http_status(rs, status);
    rs->body.n = 0;
    return http_send(rs, "text/plain; charset=utf-8", written(&w), STREAM_COPY);
}

enum err http_redirect(struct http_response *rs, u16 status, struct view location)
{
    must(status >= 301 && status <= 308);
    TRY(http_set(rs, "Location", location));
    return http_error(rs, status);
}
