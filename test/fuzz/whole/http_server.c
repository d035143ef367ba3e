/* The HTTP server with handlers of every kind, under a client whose bytes, pauses and
 * end are the fuzzer's, over pipes that deliver in pieces of any size. Whatever comes,
 * answers begin with a status line, and afterwards connections and workers are back. */
#include "fiber/fiber.h"
#include "host/sim/sim.h"
#include "lib/http/http.h"
#include "sig/clock.h"
#include "test/fuzz/fuzz.h"

static enum err echo(struct http_request *rq, struct http_response *rs)
{
    u8 room[100];
    struct view got;
    enum err e;
    while ((e = http_read(rq, SPAN_OF(room), &got)) == OK)
        TRY(http_write(rs, got));
    return e == ERR_EOF ? OK : e;
}

static enum err whole(struct http_request *rq, struct http_response *rs)
{
    struct view body;
    TRY(http_read_all(rq, 500, &body));
    return http_send(rs, "text/plain", body, STREAM_COPY);
}

static enum err query(struct http_request *rq, struct http_response *rs)
{
    struct view v;
    TRY(http_query(rq, "q", &v));
    TRY(http_set(rs, "X-Query", v));
    return http_redirect(rs, 302, v);
}

static enum err hello(struct http_request *rq, struct http_response *rs)
{
    TRY(http_text(rs, "hello "));
    return http_write(rs, http_param(rq, "name"));
}

static enum err big(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    for (int i = 0; i < 300; i++)
        TRY(http_text(rs, "0123456789abcdefghijklmnopqrstuvwxyz\n"));
    return OK;
}

static enum err file(struct http_request *rq, struct http_response *rs)
{
    struct http_representation letters = {
        .body = VIEW("abcdefghijklmnopqrstuvwxyz"),
        .life = STREAM_STATIC,
        .mime = VIEW("text/plain"),
        .etag = VIEW("\"v1\""),
        .last_modified = VIEW("Sun, 06 Nov 1994 08:49:37 GMT"),
        .modified_unix_s = 784111777,
    };
    return http_respond(rq, rs, &letters);
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", file, .quick = true},
    {HTTP_POST, "/echo", echo},
    {HTTP_PUT, "/whole", whole},
    {HTTP_GET, "/query", query},
    {HTTP_GET, "/big", big},
    {HTTP_GET, "/hello/:name", hello, .quick = true},
    {HTTP_GET, "/tree/*", file},
};

static struct http_server *server;

static void serve(void *listener)
{
    must(http_serve(server, listener) == OK);
}

/* Takes what was answered. The first bytes of all are a status line's. */
static void read_answers(struct stream *s, bool *begun)
{
    struct view piece;
    while (stream_buffered(s) > 0 && stream_pieces(s, (struct stream_pieces){&piece, 1}) == 1) {
        if (!*begun)
            must(view_eq(view_first(piece, piece.n < 5 ? piece.n : 5),
                         view_first(VIEW("HTTP/"), piece.n < 5 ? piece.n : 5)));
        *begun = true;
        stream_consume(s, piece.n);
    }
}

/* One connection: n bytes at a time (1 to 254), or a pause (255). */
static void talk(struct stream *s, struct reader *script)
{
    bool begun = false;
    while (script->rest.n > 0 && !script->bad) {
        u8 n = get_u8(script);
        if (n == 0)
            break;
        if (n == 255) {
            (void)!fiber_sleep_ns((u64)get_u8(script) * 100 * NS_PER_MS);
        } else {
            struct view bytes = get_bytes(script, n < script->rest.n ? n : script->rest.n);
            if (stream_write(s, bytes, STREAM_COPY, clock_mono_ns() + NS_PER_S) != OK)
                return;
        }
        read_answers(s, &begun);
    }
    (void)!stream_finish(s);
    (void)!fiber_sleep_ns(NS_PER_MS);
    read_answers(s, &begun);
}

static void world(void *arg)
{
    struct reader *script = arg;
    struct listener *listener;
    struct dialer *dialer;
    struct scope scope;
    u8 how = get_u8(script);
    struct http_config config = {.routes = HTTP_ROUTES(routes),
                                 .connections = 3,
                                 .workers = 1 + how % 2,
                                 .queue = 2,
                                 .request_bytes = 4096,
                                 .body_bytes = 600,
                                 .limits = {.head_bytes = 1024, .target_bytes = 256, .fields = 20}};
    struct sim_pipe_options pipe = {
        .piece_bytes = how >> 1 & 7, .scatter_bytes = how >> 4 & 3, .buffer_bytes = how & 64 ? 4096 : 0};
    must(http_server_new(&server, sim_arena(), &config) == OK);
    sim_listener(&listener, &dialer, pipe);
    scope_open(&scope, "server");
    must(fiber_spawn(&scope, "server", serve, listener) == OK);
    for (int i = 0; i < 4 && script->rest.n > 0; i++) {
        struct stream *s;
        if (dialer_dial(dialer, (struct endpoint){.port = 80}, &s, clock_mono_ns() + NS_PER_S) != OK)
            continue;
        talk(s, script);
        if (how & 128)
            stream_abort(s);
        else
            stream_close(s);
    }
    must(fiber_sleep_ns(200 * NS_PER_S) == OK);
    must(http_stats(server).connections == 0 && http_stats(server).working == 0);
    http_stop(server);
    must(scope_join(&scope, FOREVER) == OK);
    scope_leave(&scope);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct reader script = reader_of((struct view){data, n});
    struct sim_size size = {.fibers = 8, .stack_bytes = 32 << 10, .memory_bytes = 4 << 20};
    sim_run_sized(1, size, world, &script);
    return 0;
}
