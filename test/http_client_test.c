/* lib/http's client, against lib/http's server and against servers that misbehave. */
#include "test/test.h"

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "lib/http/client.h"
#include "lib/http/http.h"

static const struct endpoint somewhere = {.port = 80};
static struct http_client client;
static struct listener *listener;
static struct http_answer answer;
static char body[100000];
static size_t body_n;

/* ---- a server of ours, and one that says what it is told to ----------------------------- */

static enum err echo(struct http_request *rq, struct http_response *rs)
{
    for (;;) {
        u8 room[1000];
        struct view got;
        enum err e = http_read(rq, SPAN_OF(room), &got);
        if (e != OK)
            return e == ERR_EOF ? OK : e;
        TRY(http_write(rs, got));
    }
}

static enum err hello(struct http_request *rq, struct http_response *rs)
{
    return http_send(rs, "text/plain", http_param(rq, "name"), STREAM_COPY);
}

static const struct http_route routes[] = {{HTTP_GET, "/hello/:name", hello, .quick = true},
                                           {HTTP_POST, "/echo", echo}};
static struct http_server *server;

static void serve(void *unused)
{
    (void)unused;
    if (http_serve(server, listener) != OK)
        printf("# http_serve failed\n");
}

static const char *script[4]; /* what each connection in turn is answered, before it is closed */

static void play(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(script) && script[i]; i++) {
        struct stream *s;
        if (listener_accept(listener, &s, FOREVER) != OK || stream_wait(s, 0, FOREVER) != OK ||
            stream_write(s, view_z(script[i]), STREAM_COPY, FOREVER) != OK)
            return;
        (void)!stream_drain(s, FOREVER);
        stream_consume(s, stream_buffered(s));
        stream_close(s);
    }
}

struct world {
    void (*test)(void);
    bool scripted;
    u64 latency_ns;
};

static void world(void *arg)
{
    const struct world *w = arg;
    struct dialer *dialer;
    struct scope s;
    sim_listener(&listener, &dialer,
                 (struct sim_pipe_options){.piece_bytes = w->scripted && !w->latency_ns ? 3 : 0,
                                           .latency_ns = w->latency_ns});
    http_client_init(&client, dialer);
    CHECK_EQ(http_server_new(&server, sim_arena(), &(struct http_config){.routes = HTTP_ROUTES(routes)}), OK);
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "server", w->scripted ? play : serve, NULL), OK);
    w->test();
    http_client_close(&client);
    if (!w->scripted) {
        http_stop(server);
        (void)!scope_join(&s, FOREVER);
    }
    scope_leave(&s);
}

static enum err fetch(const struct http_ask *ask)
{
    u8 room[700];
    struct view got;
    enum err e = http_client_ask(&client, somewhere, ask, sim_arena(), &answer, loop_now() + 5 * NS_PER_S);
    if (e != OK)
        return e;
    body_n = 0;
    while ((e = http_client_read(&answer, SPAN_OF(room), &got, loop_now() + 5 * NS_PER_S)) == OK) {
        memcpy(body + body_n, got.p, got.n);
        body_n += got.n;
    }
    body[body_n] = 0;
    http_client_done(&answer);
    return e == ERR_EOF ? OK : e;
}

static enum err get(const char *target)
{
    return fetch(&(struct http_ask){.host = VIEW("h"), .target = view_z(target)});
}

#define WITH_SERVER(name)         \
    static void name##_test(void); \
    TEST(name)                    \
    {                             \
        sim_run(1, world, &(struct world){name##_test, false}); \
    }                             \
    static void name##_test(void)
#define WITH_SCRIPT(name)         \
    static void name##_test(void); \
    TEST(name)                    \
    {                             \
        sim_run(1, world, &(struct world){name##_test, true}); \
    }                             \
    static void name##_test(void)

WITH_SERVER(a_connection_is_used_again)
{
    for (int i = 0; i < 5; i++)
        CHECK(get("/hello/world") == OK && answer.head.status == 200 && strcmp(body, "world") == 0);
    CHECK(get("/nowhere") == OK && answer.head.status == 404);
    CHECK(fetch(&(struct http_ask){.method = HTTP_HEAD, .host = VIEW("h"), .target = VIEW("/hello/x")}) ==
          OK);
    CHECK(body_n == 0 && answer.head.content_length == 1);
    CHECK(client.dialed == 1 && client.reused == 6);
}

WITH_SERVER(one_that_the_server_closed_is_replaced)
{
    CHECK(get("/hello/1") == OK);
    CHECK(fiber_sleep_ns(29 * NS_PER_S) == OK && get("/hello/2") == OK && client.dialed == 1);
    CHECK(fiber_sleep_ns(100 * NS_PER_S) == OK && get("/hello/3") == OK && client.dialed == 2);
}

static u32 pieces_left;

static enum err next_piece(void *arg, struct view *piece)
{
    (void)arg;
    static u8 text[999];
    if (pieces_left == 0)
        return ERR_EOF;
    fill(SPAN_OF(text), (u8)('a' + pieces_left % 26));
    pieces_left--;
    *piece = VIEW_OF(text);
    return OK;
}

WITH_SERVER(bodies_are_streamed)
{
    struct http_ask ask = {
        .method = HTTP_POST, .host = VIEW("h"), .target = VIEW("/echo"), .body = VIEW("small")};
    CHECK(fetch(&ask) == OK && strcmp(body, "small") == 0 && answer.head.framing == HTTP_LENGTH);
    pieces_left = 50;
    ask.next = next_piece;
    CHECK(fetch(&ask) == OK && answer.head.framing == HTTP_CHUNKED);
    CHECK_EQ(body_n, 50 * 999);
    for (size_t i = 0; i < body_n; i++)
        CHECK_EQ(body[i], 'a' + (50 - i / 999) % 26);
    CHECK(client.dialed == 1);
}

WITH_SERVER(requests_that_would_smuggle_are_refused)
{
    CHECK_EQ(get("/x HTTP/1.1\r\nA: b"), ERR_INVALID);
    CHECK_EQ(get("x"), ERR_INVALID);
    CHECK_EQ(get(""), ERR_INVALID);
    CHECK_EQ(fetch(&(struct http_ask){.host = VIEW("h\r\nX: y"), .target = VIEW("/")}), ERR_INVALID);
    static const struct http_line lines[] = {{VIEW("A"), VIEW("b\r\nc")},
                                             {VIEW("A b"), VIEW("c")},
                                             {VIEW("Content-Length"), VIEW("5")},
                                             {VIEW("HOST"), VIEW("x")}};
    for (size_t i = 0; i < COUNT(lines); i++)
        CHECK_EQ(fetch(&(struct http_ask){.host = VIEW("h"), .target = VIEW("/"), .fields = {&lines[i], 1}}),
                 ERR_INVALID);
    CHECK_EQ(client.dialed, 0);
}

WITH_SCRIPT(interim_answers_and_the_close_at_the_end)
{
    script[0] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                "HTTP/1.1 200 OK\r\n\r\nuntil close";
    script[1] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    script[2] = NULL;
    CHECK(get("/") == OK && strcmp(body, "until close") == 0 && answer.head.framing == HTTP_UNTIL_CLOSE);
    CHECK(get("/") == OK && strcmp(body, "abc") == 0);
}

/* The server's FIN is still on its way when the next request is written. */
static void closing_test(void)
{
    script[0] = script[1] = script[2] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    script[3] = NULL;
    CHECK(get("/") == OK && get("/") == OK);
    CHECK(client.dialed == 2 && client.reused == 1);
    struct http_ask post = {.method = HTTP_POST, .host = VIEW("h"), .target = VIEW("/")};
    CHECK_EQ(fetch(&post), ERR_RESET); /* may have had its effect: not sent again */
    CHECK(client.dialed == 2 && client.reused == 2);
}

/* Room for a head is room for an answer, however much of its body is there already. */
static void much_at_once_test(void)
{
    static char much[5000] = "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n";
    struct arena small;
    struct view got;
    u8 room[700];
    enum err e;
    size_t n = 0;
    memset(much + strlen(much), 'x', 4000);
    script[0] = much;
    script[1] = NULL;
    arena_init(&small, arena_alloc(sim_arena(), 6000, 16));
    const struct http_ask ask = {.host = VIEW("h"), .target = VIEW("/")};
    CHECK_EQ(http_client_ask(&client, somewhere, &ask, &small, &answer, loop_now() + 5 * NS_PER_S), OK);
    while ((e = http_client_read(&answer, SPAN_OF(room), &got, loop_now() + 5 * NS_PER_S)) == OK)
        n += got.n;
    CHECK(e == ERR_EOF && n == 4000);
    http_client_done(&answer);
}

TEST(a_body_takes_no_room_from_the_head)
{
    sim_run(1, world, &(struct world){much_at_once_test, true, NS_PER_MS});
}

TEST(a_request_that_met_a_closing_connection_is_sent_again)
{
    sim_run(1, world, &(struct world){closing_test, true, 10 * NS_PER_MS});
}

WITH_SERVER(only_so_many_connections_are_kept)
{
    static const struct http_line agent = {{(const u8 *)"User-Agent", 10}, {(const u8 *)"test", 4}};
    struct http_ask ask = {.host = VIEW("h"), .target = VIEW("/hello/x"), .fields = {&agent, 1}};
    for (u16 port = 1; port <= 10; port++) {
        CHECK_EQ(
            http_client_ask(&client, (struct endpoint){.port = port}, &ask, sim_arena(), &answer, FOREVER),
            OK);
        u8 room[10];
        struct view got;
        while (http_client_read(&answer, SPAN_OF(room), &got, FOREVER) == OK)
            continue;
        http_client_done(&answer);
    }
    size_t kept = 0;
    for (size_t i = 0; i < HTTP_CLIENT_KEPT; i++)
        kept += client.kept[i].stream != NULL;
    CHECK(kept == HTTP_CLIENT_KEPT && client.dialed == 10);
}

WITH_SCRIPT(answers_that_are_cut_or_malformed)
{
    script[0] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    script[1] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
    script[2] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX";
    script[3] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    CHECK_EQ(get("/"), ERR_RESET);
    CHECK_EQ(get("/"), ERR_MALFORMED);
    CHECK_EQ(get("/"), ERR_MALFORMED);
    CHECK_EQ(get("/"), ERR_MALFORMED);
    CHECK(client.dialed == 4 && client.reused == 0);
}

WITH_SCRIPT(a_silent_server_ends_at_the_deadline)
{
    script[0] = "HTTP/1.1 200 OK\r\nContent-Le";
    script[1] = NULL; /* then nobody accepts */
    u64 start = loop_now();
    CHECK_EQ(get("/"), ERR_RESET);
    struct http_ask ask = {.host = VIEW("h"), .target = VIEW("/")};
    CHECK(http_client_ask(&client, somewhere, &ask, sim_arena(), &answer, loop_now() + NS_PER_S) != OK);
    CHECK(loop_now() - start < 2 * NS_PER_S);
}

TESTS(CASE(a_connection_is_used_again), CASE(one_that_the_server_closed_is_replaced),
      CASE(bodies_are_streamed), CASE(requests_that_would_smuggle_are_refused),
      CASE(interim_answers_and_the_close_at_the_end), CASE(a_body_takes_no_room_from_the_head),
      CASE(a_request_that_met_a_closing_connection_is_sent_again), CASE(only_so_many_connections_are_kept),
      CASE(answers_that_are_cut_or_malformed), CASE(a_silent_server_ends_at_the_deadline))
