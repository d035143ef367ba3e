#include "lib/http/internal.h"

/* ":name" takes one segment; "*" as the last segment takes all that is left. */
enum err http_route_check(const struct http_route *r)
{
    struct view p = view_z(r->pattern);
    u32 params = 0;
    if (!view_starts(p, VIEW("/")))
        return ERR_INVALID;
    while (p.n > 0) {
        struct view segment = view_cut(p, '/', &p);
        bool rest = view_eq(segment, VIEW("*"));
        if (rest && p.n > 0)
            return ERR_INVALID;
        params += rest || view_starts(segment, VIEW(":"));
    }
    return params <= HTTP_PARAMS_MAX && r->handle ? OK : ERR_INVALID;
}

static void add_param(struct http_request *rq, struct view name, struct view value)
{
    AT(rq->params, rq->params_n) = (struct http_param){name, value};
    rq->params_n++;
}

static bool matches(const struct http_route *r, struct http_request *rq)
{
    struct view pattern = view_z(r->pattern), path = rq->path;
    rq->params_n = 0;
    while (view_starts(pattern, VIEW("/")) && view_starts(path, VIEW("/"))) {
        pattern = view_from(pattern, 1);
        path = view_from(path, 1);
        size_t pattern_end = view_find(pattern, '/'), path_end = view_find(path, '/');
        struct view wanted = view_first(pattern, pattern_end), segment = view_first(path, path_end);
        if (view_eq(wanted, VIEW("*"))) {
            add_param(rq, wanted, path);
            return true;
        }
        if (view_starts(wanted, VIEW(":"))) {
            if (segment.n == 0)
                return false;
            add_param(rq, view_from(wanted, 1), segment);
        } else if (!view_eq(wanted, segment)) {
            return false;
        }
        pattern = view_from(pattern, pattern_end);
        path = view_from(path, path_end);
    }
    return pattern.n == 0 && path.n == 0;
}

const struct http_route *http_route(const struct http_routes *routes, enum http_method m,
                                    struct http_request *rq, u32 *methods)
{
    *methods = 0;
    for (size_t i = 0; i < routes->n; i++) {
        const struct http_route *r = http_routes_at(*routes, i);
        if (!matches(r, rq))
            continue;
        if (r->method == m || (r->method == HTTP_GET && m == HTTP_HEAD))
            return r;
        *methods |= 1u << r->method;
    }
    return NULL;
}

/* The value of an Allow field (RFC 9110 §10.2.1). */
void http_put_allow(struct writer *w, u32 methods)
{
    if (methods & 1u << HTTP_GET)
        methods |= 1u << HTTP_HEAD;
    methods |= 1u << HTTP_OPTIONS;
    bool first = true;
    for (enum http_method m = HTTP_GET; m < HTTP_METHODS; m++) {
        if (!(methods & 1u << m))
            continue;
        put_text(w, first ? "" : ", ");
        put_bytes(w, http_method_text(m));
        first = false;
    }
}

struct view http_param(const struct http_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->params_n; i++)
        if (view_eq(AT(rq->params, i).name, view_z(name)))
            return AT(rq->params, i).value;
    trap_with(TRAP_MUST);
}
