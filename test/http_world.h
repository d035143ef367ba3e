/* A world of the simulator with lib/http's server, handlers of every kind, and a client
 * that writes requests as text: for the http tests. */
#ifndef TEST_HTTP_WORLD_H
#define TEST_HTTP_WORLD_H

#include "test/test.h"

#include <stdlib.h>

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "lib/http/internal.h"

/* ---- handlers -------------------------------------------------------------------- */

static enum err hello(struct http_request *rq, struct http_response *rs)
{
    TRY(http_text(rs, "hello "));
    return http_write(rs, http_param(rq, "name"));
}

static enum err echo(struct http_request *rq, struct http_response *rs)
{
    u8 room[300];
    for (;;) {
        struct view got;
        enum err e = http_read(rq, SPAN_OF(room), &got);
        if (e == ERR_EOF)
            return OK;
        TRY(e);
        TRY(http_write(rs, got));
    }
}

static enum err whole(struct http_request *rq, struct http_response *rs)
{
    struct view body;
    TRY(http_read_all(rq, 1000, &body));
    return http_send(rs, "text/plain", body, STREAM_COPY);
}

/* Answers before it has read. */
static enum err early(struct http_request *rq, struct http_response *rs)
{
    struct view body;
    TRY(http_begin(rs, 4));
    TRY(http_text(rs, "<"));
    TRY(http_read_all(rq, 3, &body));
    return http_write(rs, body);
}

static enum err query(struct http_request *rq, struct http_response *rs)
{
    struct view v;
    TRY(http_query(rq, "q", &v));
    return http_send(rs, "text/plain", v, STREAM_COPY);
}

static enum err ignore(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    return http_text(rs, "ignored");
}

static enum err known(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    TRY(http_begin(rs, 10));
    TRY(http_text(rs, "01234"));
    return http_text(rs, "56789");
}

static enum err broken(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    TRY(http_begin(rs, 10));
    return http_text(rs, "01234");
}

static enum err big(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    for (int i = 0; i < 1000; i++)
        TRY(http_text(rs, "0123456789abcdefghijklmnopqrstuvwxyz\n"));
    return OK;
}

static enum err slow(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    TRY(fiber_sleep_ns(NS_PER_S));
    return http_text(rs, "slow");
}

static enum err split(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    return http_set(rs, "X-A", VIEW("b\r\nX-C: d"));
}

static enum err moved(struct http_request *rq, struct http_response *rs)
{
    return http_redirect(rs, 308, http_remote(rq).port == 0 ? VIEW("/known") : VIEW("/unknown"));
}

static enum err at_once(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    static const u8 zeroes[5000];
    TRY(http_text(rs, "first"));
    return http_write(rs, VIEW_OF(zeroes));
}

static enum err too_much(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    TRY(http_begin(rs, 3));
    return http_text(rs, "four");
}

static enum err second_thoughts(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    TRY(http_text(rs, "all is"));
    return http_error(rs, 409);
}

static enum err file(struct http_request *rq, struct http_response *rs)
{
    return http_respond(rq, rs, rq->context);
}

static struct http_representation letters = {
    .body = {(const u8 *)"abcdefghijklmnopqrstuvwxyz", 26},
    .life = STREAM_STATIC,
    .mime = {(const u8 *)"text/plain", 10},
    .etag = {(const u8 *)"\"v1\"", 4},
    .last_modified = {(const u8 *)"Sun, 06 Nov 1994 08:49:37 GMT", 29},
    .modified_unix_s = 784111777,
};

static const struct http_route routes[] = {
    {HTTP_GET, "/hello/:name", hello, .quick = true},
    {HTTP_POST, "/echo", echo},
    {HTTP_PUT, "/whole", whole},
    {HTTP_POST, "/early", early},
    {HTTP_GET, "/query", query},
    {HTTP_POST, "/ignore", ignore},
    {HTTP_GET, "/known", known},
    {HTTP_GET, "/broken", broken},
    {HTTP_GET, "/big", big, .quick = true},
    {HTTP_GET, "/slow", slow},
    {HTTP_GET, "/split", split},
    {HTTP_GET, "/file", file, &letters, .quick = true},
    {HTTP_GET, "/tree/*", known},
    {HTTP_GET, "/moved", moved, .quick = true},
    {HTTP_GET, "/at-once", at_once},
    {HTTP_GET, "/too-much", too_much},
    {HTTP_GET, "/second", second_thoughts},
};

/* ---- a world with a server and a client ------------------------------------------------ */

static struct http_server *server;
static struct dialer *dialer;
static char answer[200000];
static size_t answer_n;

struct world {
    struct http_config config;
    struct sim_pipe_options pipe;
    void (*client)(void);
};

static void serve(void *listener)
{
    if (http_serve(server, listener) != OK)
        printf("# http_serve failed\n");
}

static void world(void *arg)
{
    struct world *w = arg;
    struct listener *l;
    struct scope s;
    w->config.routes = HTTP_ROUTES(routes);
    CHECK_EQ(http_server_new(&server, sim_arena(), &w->config), OK);
    sim_listener(&l, &dialer, w->pipe);
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "server", serve, l), OK);
    w->client();
    /* Nothing is left behind: every connection, worker and arena is back. */
    (void)!fiber_sleep_ns(100 * NS_PER_S);
    struct http_stats stats = http_stats(server);
    http_stop(server);
    (void)!scope_join(&s, FOREVER);
    scope_leave(&s);
    CHECK_EQ(stats.connections, 0);
    CHECK_EQ(stats.working, 0);
    size_t free = 0;
    for (struct http_exchange *x = server->free; x; x = x->next_free)
        free++;
    CHECK_EQ(free, server->config.workers);
}

static void run(void (*client)(void), struct http_config config, struct sim_pipe_options pipe)
{
    struct world w = {config, pipe, client};
    sim_run(1, world, &w);
}

static struct stream *dial(void)
{
    struct stream *s;
    return dialer_dial(dialer, (struct endpoint){.port = 80}, &s, FOREVER) == OK ? s : NULL;
}

/* Reads until the server is done, or `until` is what came last. */
static bool read_until(struct stream *s, const char *until)
{
    for (;;) {
        struct view piece;
        answer[answer_n] = 0;
        if (until && view_ends((struct view){(u8 *)answer, answer_n}, view_z(until)))
            return true;
        if (stream_pieces(s, (struct stream_pieces){&piece, 1}) == 0) {
            enum err e = stream_wait(s, 0, loop_now() + 200 * NS_PER_S);
            if (e != OK)
                return e == ERR_EOF && !until;
            continue;
        }
        size_t n = MIN(piece.n, until ? (size_t)1 : piece.n);
        memcpy(answer + answer_n, piece.p, n);
        answer_n += n;
        stream_consume(s, n);
    }
}

static bool send_text(struct stream *s, const char *text)
{
    return stream_write(s, view_z(text), STREAM_COPY, FOREVER) == OK;
}

/* One connection: writes all of `text`, reads all that comes until the server closes. */
static bool ask(const char *text)
{
    struct stream *s = dial();
    answer_n = 0;
    bool fine = s && send_text(s, text) && read_until(s, NULL);
    if (s)
        stream_close(s);
    return fine;
}

static bool answered(const char *head, const char *end)
{
    bool fine = strncmp(answer, head, strlen(head)) == 0 &&
                view_ends((struct view){(u8 *)answer, answer_n}, view_z(end));
    if (!fine)
        printf("# got: %s\n", answer);
    return fine;
}

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *p = strstr(answer, what); p; p = strstr(p + 1, what))
        n++;
    return n;
}

/* Takes a response off the start of `rest`: how long its body is. */
__attribute__((unused)) static size_t body_bytes(struct view *rest)
{
    static const struct http_limits limits = {8192, 4096, 64};
    static struct http_head head;
    struct http_chunked c = {0};
    if (http_parse_response(&head, *rest, HTTP_GET, &limits) != OK)
        return SIZE_MAX;
    *rest = view_from(*rest, head.bytes.n);
    size_t n = head.content_length, taken;
    *rest = view_from(*rest, n);
    while (head.framing == HTTP_CHUNKED && c.state != CHUNK_DONE) {
        struct view data;
        if (http_chunked_next(&c, *rest, &taken, &data) != OK || taken == 0)
            return SIZE_MAX;
        n += data.n;
        *rest = view_from(*rest, taken);
    }
    return n;
}

#define H " HTTP/1.1\r\nHost: h\r\n"
#define CLOSE "Connection: close\r\n"
#define IN_WORLD(name)              \
    static void name##_client(void); \
    TEST(name)                      \
    {                               \
        run(name##_client, (struct http_config){0}, (struct sim_pipe_options){0}); \
    }                               \
    static void name##_client(void)

#endif
