#include "appliance/web/site.h"

#include "base/fmt.h"

static struct http_representation form_of(const struct site *site, const struct bundle_file *f, bool gzip)
{
    const struct bundle_form *form = gzip ? &f->gzip : &f->plain;
    return (struct http_representation){
        .body = form->body,
        .life = STREAM_STATIC,
        .mime = f->mime,
        .etag = form->etag,
        .last_modified = f->last_modified,
        .modified_unix_s = f->modified_unix_s,
        .coding = gzip ? VIEW("gzip") : VIEW_NONE,
        .vary = f->has_gzip,
        .head_200 = form->head_200,
        .head_304 = form->head_304,
        .fields = site->fields,
    };
}

static enum err send_file(struct http_request *rq, struct http_response *rs, const struct bundle_file *f)
{
    struct http_representation r = form_of(rq->context, f, f->has_gzip && http_accepts(rq, "gzip"));
    return http_respond(rq, rs, &r);
}

/* path and `more` in the request's memory; empty when that is used up. */
static struct view joined(struct http_request *rq, struct view path, struct view more)
{
    struct writer w = writer_of(arena_alloc(rq->arena, path.n + more.n, 1));
    put_bytes(&w, path);
    put_bytes(&w, more);
    return w.full ? VIEW_NONE : written(&w);
}

/* A bundle's path as a URI: built from what was found, never from what was asked
 * for, so that no request can make it lead to another host. */
static void put_uri_path(struct writer *w, struct view path)
{
    for (; path.n > 0; path = view_from(path, 1)) {
        u8 c = view_at(path, 0), lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '.' ||
            c == '_' || c == '~') {
            put_u8(w, c);
        } else {
            put_u8(w, '%');
            put_hex(w, c, 2);
        }
    }
}

static enum err redirect_to_directory(struct http_request *rq, struct http_response *rs, struct view index)
{
    struct view directory = view_first(index, index.n - VIEW("index.html").n);
    struct view query = http_slot_view(rq->head, rq->head->query);
    struct writer w = writer_of(arena_alloc(rq->arena, 3 * directory.n + 1 + query.n, 1));
    put_uri_path(&w, directory);
    if (rq->head->has_query) {
        put_text(&w, "?");
        put_bytes(&w, query);
    }
    return w.full ? ERR_NO_MEMORY : http_redirect(rs, 301, written(&w));
}

static enum err not_found(struct http_request *rq, struct http_response *rs)
{
    const struct site *site = rq->context;
    struct bundle_file f;
    if (bundle_find(&site->bundle, VIEW("/404.html"), &f) != OK)
        return http_error(rs, 404);
    TRY(http_set(rs, "Content-Type", f.mime));
    http_status(rs, 404);
    return http_send(rs, NULL, f.plain.body, STREAM_STATIC);
}

enum err site_serve(struct http_request *rq, struct http_response *rs)
{
    const struct site *site = rq->context;
    struct view path = rq->path, index = VIEW("index.html");
    struct bundle_file f;
    bool directory = view_ends(path, VIEW("/"));
    if (!directory && bundle_find(&site->bundle, path, &f) == OK)
        return send_file(rq, rs, &f);
    path = joined(rq, path, directory ? index : VIEW("/index.html"));
    if (path.n == 0)
        return ERR_NO_MEMORY;
    if (bundle_find(&site->bundle, path, &f) != OK)
        return not_found(rq, rs);
    return directory ? send_file(rq, rs, &f) : redirect_to_directory(rq, rs, path);
}
