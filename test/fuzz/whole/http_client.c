/* The HTTP client under a server whose bytes, pauses and end are the fuzzer's. Whatever
 * comes, a request ends with an answer or an error in time, and no body is longer than
 * its head says. */
#include "fiber/fiber.h"
#include "host/sim/sim.h"
#include "lib/http/client.h"
#include "sig/clock.h"
#include "test/fuzz/fuzz.h"

enum { REQUESTS = 3 };

struct world {
    struct reader script;
    struct listener *listener;
    struct dialer *dialer;
};

/* Answers one connection: n bytes at a time (1 to 253), a pause (254), or the end (0). */
static void answer(struct world *w, struct stream *s)
{
    struct reader *script = &w->script;
    while (script->rest.n > 0 && !script->bad && stream_status(s) == OK) {
        u8 n = get_u8(script);
        if (n == 0)
            break;
        if (n == 254) {
            (void)!fiber_sleep_ns((u64)get_u8(script) * 10 * NS_PER_MS);
        } else {
            struct view bytes = get_bytes(script, n < script->rest.n ? n : script->rest.n);
            if (stream_write(s, bytes, STREAM_COPY, clock_mono_ns() + NS_PER_S) != OK)
                break;
        }
        stream_consume(s, stream_buffered(s));
    }
    stream_close(s);
}

static void serve(void *arg)
{
    struct world *w = arg;
    struct stream *s;
    while (listener_accept(w->listener, &s, FOREVER) == OK)
        answer(w, s);
}

static void ask(struct http_client *client, const struct http_ask *request)
{
    static struct http_answer got;
    struct arena arena;
    u64 deadline = clock_mono_ns() + 5 * NS_PER_S, body_n = 0;
    arena_init(&arena, arena_alloc(sim_arena(), 8192, 64));
    enum err e = http_client_ask(client, (struct endpoint){.port = 80}, request, &arena, &got, deadline);
    must(clock_mono_ns() <= deadline + NS_PER_S);
    if (e != OK)
        return;
    u8 room[200];
    struct view data;
    while ((e = http_client_read(&got, SPAN_OF(room), &data, deadline)) == OK) {
        must(data.n > 0);
        body_n += data.n;
    }
    must(got.head.framing != HTTP_LENGTH || body_n <= got.head.content_length);
    must(e != ERR_EOF || got.head.framing != HTTP_LENGTH || body_n == got.head.content_length);
    http_client_done(&got);
}

static void world(void *arg)
{
    struct world *w = arg;
    u8 how = get_u8(&w->script);
    struct sim_pipe_options pipe = {.piece_bytes = how & 7, .scatter_bytes = how >> 3 & 3};
    struct http_client client;
    struct scope scope;
    sim_listener(&w->listener, &w->dialer, pipe);
    scope_open(&scope, "server");
    must(fiber_spawn(&scope, "server", serve, w) == OK);
    http_client_init(&client, w->dialer);
    for (int i = 0; i < REQUESTS; i++)
        ask(&client, &(struct http_ask){.method = how & 32   ? HTTP_HEAD
                                                  : how & 64 ? HTTP_POST
                                                             : HTTP_GET,
                                        .host = VIEW("example.org"),
                                        .target = VIEW("/"),
                                        .body = how & 64 ? VIEW("a body") : VIEW_NONE});
    http_client_close(&client);
    listener_close(w->listener);
    scope_leave(&scope);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct world w = {.script = reader_of((struct view){data, n})};
    struct sim_size size = {.fibers = 4, .stack_bytes = 32 << 10, .memory_bytes = 2 << 20};
    sim_run_sized(1, size, world, &w);
    return 0;
}
