/* Conditions and ranges (RFC 9110 §13, §14) for what is there as a whole. */
#include "base/num.h"
#include "lib/http/internal.h"
#include "sig/entropy.h"
#include "wire/http_value.h"

enum { HEAD_BYTES = 1024, TAIL_BYTES = 128, BOUNDARY_BYTES = 24 };

/* The order is that of RFC 9110 §13.2.2. Answers 200, 304 or 412. */
static u16 evaluate(const struct http_head *h, const struct http_representation *r)
{
    struct view v;
    u64 when;
    if (http_known(h, HTTP_IF_MATCH, &v)) {
        if (!http_etag_listed(v, r->etag, false))
            return 412;
    } else if (http_known(h, HTTP_IF_UNMODIFIED_SINCE, &v)) {
        if (r->last_modified.n > 0 && http_date(v, &when) == OK && r->modified_unix_s > when)
            return 412;
    }
    if (http_known(h, HTTP_IF_NONE_MATCH, &v))
        return http_etag_listed(v, r->etag, true) ? 304 : 200;
    if (http_known(h, HTTP_IF_MODIFIED_SINCE, &v)) {
        /* The same text as we sent is the usual case, and needs no parsing. */
        if (r->last_modified.n > 0 &&
            (view_eq(v, r->last_modified) || (http_date(v, &when) == OK && r->modified_unix_s <= when)))
            return 304;
    }
    return 200;
}

/* RFC 9110 §13.1.5: ranges only of the representation that the client knows. */
static bool wants_range(const struct http_head *h, const struct http_representation *r, struct view *range)
{
    struct view v;
    if (h->method != HTTP_GET || !http_known(h, HTTP_RANGE, range))
        return false;
    if (!http_known(h, HTTP_IF_RANGE, &v))
        return true;
    return v.n > 0 && (view_eq(v, r->etag) || view_eq(v, r->last_modified));
}

/* The lines that tell about the representation, not about its body. */
static void put_about(struct writer *w, const struct http_representation *r)
{
    if (r->etag.n > 0)
        http_put_field(w, "ETag", r->etag);
    if (r->last_modified.n > 0)
        http_put_field(w, "Last-Modified", r->last_modified);
    if (r->vary)
        put_text(w, "Vary: Accept-Encoding\r\n");
}

static void put_about_body(struct writer *w, const struct http_representation *r, struct view mime,
                           u64 length)
{
    http_put_field(w, "Content-Type", mime);
    if (r->coding.n > 0)
        http_put_field(w, "Content-Encoding", r->coding);
    put_text(w, "Content-Length: ");
    put_dec(w, length);
    put_text(w, "\r\nAccept-Ranges: bytes\r\n");
}

/* A head that was known beforehand goes out as it is; else `lines`. Then what differs
 * from second to second, then `body`: all of it or, where it would have to wait, none. */
static enum err send_parts(struct http_response *rs, u16 status, struct view known, struct writer *lines,
                           const struct http_representation *r, struct view body)
{
    put_bytes(lines, r->fields);
    http_put_tail(lines, rs);
    if (lines->full)
        return ERR_NO_MEMORY;
    if (rs->no_body)
        body = VIEW_NONE;
    if (!http_fits(rs, known.n + lines->n + body.n))
        return ERR_LIMIT;
    rs->status = status;
    rs->begun = true;
    rs->has_length = true;
    rs->left = 0;
    rs->body_bytes = body.n;
    TRY(http_put(rs, known, STREAM_STATIC));
    TRY(http_put(rs, written(lines), STREAM_COPY));
    return http_put(rs, body, r->life);
}

/* Room for `bytes` of lines and for those that others have set. */
static struct writer lines_of(struct http_response *rs, const struct http_representation *r, size_t bytes)
{
    size_t n = bytes + r->fields.n + rs->fields.n + rs->exchange->server->config.fields.n;
    return writer_of(arena_alloc(&rs->exchange->arena, n, 1));
}

static enum err whole(struct http_response *rs, const struct http_representation *r)
{
    struct writer w = lines_of(rs, r, r->head_200.n > 0 ? TAIL_BYTES : HEAD_BYTES);
    if (r->head_200.n == 0) {
        http_put_status(&w, 200);
        put_about_body(&w, r, r->mime, r->body.n);
        put_about(&w, r);
    }
    return send_parts(rs, 200, r->head_200, &w, r, r->body);
}

static enum err not_modified(struct http_response *rs, const struct http_representation *r)
{
    struct writer w = lines_of(rs, r, r->head_304.n > 0 ? TAIL_BYTES : HEAD_BYTES);
    if (r->head_304.n == 0) {
        http_put_status(&w, 304);
        put_about(&w, r);
    }
    return send_parts(rs, 304, r->head_304, &w, r, VIEW_NONE);
}

static void put_content_range(struct writer *w, struct http_range range, u64 size)
{
    put_text(w, "Content-Range: bytes ");
    put_dec(w, range.first);
    put_text(w, "-");
    put_dec(w, range.last);
    put_text(w, "/");
    put_dec(w, size);
    put_text(w, "\r\n");
}

static struct view part_of(struct view body, struct http_range range)
{
    return view_sub(body, (size_t)range.first, (size_t)(range.last - range.first + 1));
}

static enum err single_range(struct http_response *rs, const struct http_representation *r,
                             struct http_range range)
{
    struct writer w = lines_of(rs, r, HEAD_BYTES);
    struct view part = part_of(r->body, range);
    http_put_status(&w, 206);
    put_about_body(&w, r, r->mime, part.n);
    put_content_range(&w, range, r->body.n);
    put_about(&w, r);
    return send_parts(rs, 206, VIEW_NONE, &w, r, part);
}

/* What goes before part i of a multipart/byteranges body (RFC 9110 §14.6). */
static void put_part_head(struct writer *w, struct view boundary, const struct http_representation *r,
                          struct http_range range)
{
    put_text(w, "\r\n--");
    put_bytes(w, boundary);
    put_text(w, "\r\n");
    http_put_field(w, "Content-Type", r->mime);
    put_content_range(w, range, r->body.n);
    put_text(w, "\r\n");
}

static enum err many_ranges(struct http_response *rs, const struct http_representation *r,
                            const struct http_ranges *ranges)
{
    if (rs->quick)
        return ERR_LIMIT;
    u8 text[BOUNDARY_BYTES], type[64];
    struct writer boundary = writer_of(SPAN_OF(text)), mime = writer_of(SPAN_OF(type));
    struct writer part = lines_of(rs, r, HEAD_BYTES), w = lines_of(rs, r, HEAD_BYTES);
    put_text(&boundary, "pith-");
    put_hex(&boundary, entropy_u64(), 16);
    put_text(&mime, "multipart/byteranges; boundary=");
    put_bytes(&mime, written(&boundary));
    u64 length = 0;
    for (size_t i = 0; i < ranges->n; i++) {
        part.n = 0;
        put_part_head(&part, written(&boundary), r, AT(ranges->range, i));
        length += part.n + part_of(r->body, AT(ranges->range, i)).n;
    }
    length += boundary.n + 8;
    http_put_status(&w, 206);
    put_about_body(&w, r, written(&mime), length);
    put_about(&w, r);
    if (part.full || w.full)
        return ERR_NO_MEMORY;
    TRY(send_parts(rs, 206, VIEW_NONE, &w, r, VIEW_NONE));
    rs->body_bytes = length;
    for (size_t i = 0; i < ranges->n; i++) {
        part.n = 0;
        put_part_head(&part, written(&boundary), r, AT(ranges->range, i));
        TRY(http_put(rs, written(&part), STREAM_COPY));
        TRY(http_put(rs, part_of(r->body, AT(ranges->range, i)), r->life));
    }
    part.n = 0;
    put_text(&part, "\r\n--");
    put_bytes(&part, written(&boundary));
    put_text(&part, "--\r\n");
    return http_put(rs, written(&part), STREAM_COPY);
}

static enum err no_range(struct http_response *rs, const struct http_representation *r)
{
    u8 room[40];
    struct writer w = writer_of(SPAN_OF(room));
    put_text(&w, "bytes */");
    put_dec(&w, r->body.n);
    TRY(http_set(rs, "Content-Range", written(&w)));
    return http_error(rs, 416);
}

enum err http_respond(struct http_request *rq, struct http_response *rs, const struct http_representation *r)
{
    const struct http_head *h = rq->head;
    must(!rs->begun && (h->method == HTTP_GET || h->method == HTTP_HEAD));
    u16 status = evaluate(h, r);
    if (status == 412)
        return http_error(rs, 412);
    if (status == 304)
        return not_modified(rs, r);
    struct view asked;
    if (!wants_range(h, r, &asked))
        return whole(rs, r);
    struct http_ranges ranges;
    switch (http_ranges(asked, r->body.n, &ranges)) {
    case OK:
        return ranges.n == 1 ? single_range(rs, r, ranges.range[0]) : many_ranges(rs, r, &ranges);
    case ERR_RANGE:
        return no_range(rs, r);
    default:
        return whole(rs, r);
    }
}
