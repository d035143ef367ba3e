/* lib/http's server over streams without a network: requests as a client writes
 * them, and what comes back byte for byte. */
#include "test/test.h"

#include <stdlib.h>

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "lib/http/internal.h"
#include "lib/http/log.h"

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
static size_t body_bytes(struct view *rest)
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

/* ---- scenarios ------------------------------------------------------------------------ */

IN_WORLD(a_request_is_answered_with_a_length)
{
    CHECK(ask("GET /hello/world" H CLOSE "\r\n"));
    CHECK(
        answered("HTTP/1.1 200 OK\r\nContent-Length: 11\r\nDate: Thu, 01 Jan 2026 ", "\r\n\r\nhello world"));
    CHECK_EQ(count("Connection: close\r\n"), 1);
    CHECK(ask("GET /hello/a%20b" H CLOSE "\r\n") && answered("HTTP/1.1 200", "hello a b"));
    CHECK(ask("GET /tree/" H CLOSE "\r\n"));
}

IN_WORLD(head_has_the_same_head_and_no_body)
{
    CHECK(ask("HEAD /hello/world" H CLOSE "\r\n") &&
          answered("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n", "\r\n\r\n"));
    CHECK(ask("HEAD /file" H CLOSE "\r\n") && answered("HTTP/1.1 200 OK\r\n", "\r\n\r\n"));
    CHECK_EQ(count("Content-Length: 26\r\n"), 1);
    CHECK(ask("HEAD /known" H CLOSE "\r\n") &&
          answered("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", "\r\n\r\n"));
    CHECK(ask("HEAD /broken" H "\r\nGET /hello/next" H CLOSE "\r\n") &&
          answered("HTTP/1.1 200 OK\r\n", "next"));
    CHECK(ask("HEAD /big" H CLOSE "\r\n") &&
          answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", "\r\n\r\n"));
}

IN_WORLD(pipelined_requests_are_answered_in_order)
{
    CHECK(ask("GET /hello/1" H "\r\nGET /slow" H "\r\nPOST /echo" H "Content-Length: 3\r\n\r\nabc"
              "GET /known" H "\r\nGET /hello/5" H CLOSE "\r\nGET /hello/never" H "\r\n"));
    CHECK_EQ(count("HTTP/1.1 200 OK\r\n"), 5);
    const char *one = strstr(answer, "hello 1"), *two = strstr(answer, "\r\n\r\nslow"),
               *three = strstr(answer, "\r\nabc"), *four = strstr(answer, "0123456789"),
               *five = strstr(answer, "hello 5");
    CHECK(one && two && three && four && five && one < two && two < three && three < four && four < five);
    CHECK(!strstr(answer, "never"));
}

IN_WORLD(a_connection_is_kept_and_ends_when_the_client_is_done)
{
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "GET /hello/1" H "\r\n") && read_until(s, "hello 1"));
    CHECK(fiber_sleep_ns(30 * NS_PER_S) == OK);
    CHECK(send_text(s, "GET /hello/2" H "\r\n") && read_until(s, "hello 2"));
    CHECK(send_text(s, "GET /hello/3" H "\r\n") && stream_finish(s) == OK && read_until(s, NULL));
    CHECK(answered("HTTP/1.1 200", "hello 3"));
    stream_close(s);
}

IN_WORLD(http_1_0)
{
    CHECK(ask("GET /hello/old HTTP/1.0\r\n\r\n") && answered("HTTP/1.1 200", "hello old"));
    CHECK(ask("GET /big HTTP/1.0\r\n\r\n") && answered("HTTP/1.1 200", "xyz\n") && !count("chunked"));
    CHECK_EQ(answer_n - (size_t)(strstr(answer, "\r\n\r\n") + 4 - answer), 37000);
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "GET /hello/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") &&
          read_until(s, "hello 1"));
    CHECK_EQ(count("Connection: keep-alive\r\n"), 1);
    CHECK(send_text(s, "GET /hello/2 HTTP/1.0\r\n\r\n") && read_until(s, NULL) &&
          answered("HTTP/1.1 200", "hello 2"));
    stream_close(s);
}

IN_WORLD(bodies_both_ways)
{
    CHECK(ask("POST /echo" H CLOSE
              "Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n"));
    CHECK(answered("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", "\r\n\r\nwikipedia"));
    CHECK(ask("PUT /whole" H CLOSE "Content-Length: 5\r\n\r\nhello") &&
          answered("HTTP/1.1 200", "\r\n\r\nhello"));
    CHECK(ask("PUT /whole" H CLOSE "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n") &&
          answered("HTTP/1.1 200", "\r\n\r\na"));
    CHECK(ask("PUT /whole" H CLOSE "\r\n") && answered("HTTP/1.1 200 OK\r\n", "\r\n\r\n") &&
          count("Content-Length: 0\r\n"));
    CHECK(ask("GET /query?a=b&q=x+%26y" H CLOSE "\r\n") && answered("HTTP/1.1 200", "\r\n\r\nx &y"));
    CHECK(ask("GET /query" H CLOSE "\r\n") && answered("HTTP/1.1 404 Not Found\r\n", "404 Not Found\n"));
    CHECK(ask("GET /big" H CLOSE "\r\n") &&
          answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", "\r\n0\r\n\r\n"));
}

IN_WORLD(answers_of_other_shapes)
{
    CHECK(ask("GET /moved" H CLOSE "\r\n") && answered("HTTP/1.1 308 Permanent Redirect\r\n", "\n"));
    CHECK(count("Location: /") == 1 && count("known\r\n") == 1);
    CHECK(ask("GET /at-once" H CLOSE "\r\n"));
    struct view rest = {(u8 *)answer, answer_n};
    CHECK_EQ(body_bytes(&rest), 5005);
    CHECK(ask("GET /second" H CLOSE "\r\n") &&
          answered("HTTP/1.1 409 Conflict\r\n", "\r\n\r\n409 Conflict\n"));
    CHECK(!ask("GET /too-much" H CLOSE "\r\n") && !strstr(answer, "four"));
    static char chunks[3000] = "PUT /whole" H CLOSE "Transfer-Encoding: chunked\r\n\r\n3e9\r\n";
    size_t n = strlen(chunks);
    memset(chunks + n, 'a', 1001);
    strcpy(chunks + n + 1001, "\r\n0\r\n\r\n");
    CHECK(ask(chunks) && answered("HTTP/1.1 413 Content Too Large\r\n", "\n"));
    CHECK(ask("GET /query?q" H CLOSE "\r\n") && count("Content-Length: 0\r\n") == 1);
}

IN_WORLD(a_body_that_nobody_read_is_skipped)
{
    CHECK(ask("POST /ignore" H "Content-Length: 10\r\n\r\nGET / HTTPGET /hello/next" H CLOSE "\r\n"));
    CHECK(count("ignored") == 1 && answered("HTTP/1.1 200", "hello next"));
}

IN_WORLD(expect_100_continue)
{
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "PUT /whole" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n") &&
          read_until(s, "\r\n\r\n"));
    CHECK(answered("HTTP/1.1 100 Continue\r\n\r\n", "\r\n\r\n"));
    answer_n = 0;
    CHECK(send_text(s, "abc") && read_until(s, "\r\n\r\nabc") && answered("HTTP/1.1 200 OK", "abc"));
    stream_close(s);
    /* Refused without reading: the client need not send it. */
    CHECK(ask("POST /nowhere" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    CHECK(answered("HTTP/1.1 404", "404 Not Found\n") && count("Connection: close"));
    /* An interim answer in the midst of the final one would be taken for its body. */
    CHECK(ask("POST /early" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"));
    CHECK(answered("HTTP/1.1 200 OK\r\n", "\r\n\r\n<abc") && count("Connection: close"));
}

IN_WORLD(methods_and_paths_that_are_not_there)
{
    CHECK(ask("GET /nowhere" H CLOSE "\r\n") && answered("HTTP/1.1 404 Not Found\r\n", "404 Not Found\n"));
    CHECK(ask("DELETE /file" H CLOSE "\r\n") && answered("HTTP/1.1 405", "\n") &&
          count("Allow: GET, HEAD, OPTIONS\r\n"));
    CHECK(ask("OPTIONS /echo" H CLOSE "\r\n") && answered("HTTP/1.1 204", "\r\n\r\n") &&
          count("Allow: POST, OPTIONS\r\n"));
    CHECK(!count("Content-Length"));
    CHECK(ask("OPTIONS *" H CLOSE "\r\n") && count("Allow: GET, HEAD, POST, PUT, OPTIONS\r\n"));
    CHECK(ask("BREW /pot" H CLOSE "\r\n") && answered("HTTP/1.1 501 Not Implemented\r\n", "\n"));
    CHECK(ask("GET /hello/%zz" H CLOSE "\r\n") &&
          answered("HTTP/1.1 400 Bad Request\r\n", "400 Bad Request\n"));
    CHECK(ask("GET /split" H CLOSE "\r\n") && answered("HTTP/1.1 500", "\n") && !count("X-C"));
}

IN_WORLD(hostile_shapes_end_the_connection_with_a_code)
{
    static const struct {
        int status;
        const char *text;
    } hostile[] = {
        {400, "GET /hello/x HTTP/1.1\r\n\r\n"},
        {400, "GET /hello/x" H "Host: i\r\n\r\n"},
        {400, "GET /hello/x" H " folded\r\n\r\n"},
        {400, "GET /hello/x" H "A : b\r\n\r\n"},
        {400, "GET /hello/x HTTP/1.1\nHost: h\n\n"},
        {400, "POST /echo" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST /echo" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
        {400, "POST /echo" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
        {400, "POST /echo" H "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"},
        {413, "POST /echo" H "Content-Length: 99999999\r\n\r\n"},
        {413, "PUT /whole" H "Content-Length: 1001\r\n\r\n"},
        {417, "POST /echo" H "Expect: magic\r\nContent-Length: 1\r\n\r\n"},
        {501, "POST /echo" H "Transfer-Encoding: gzip, chunked\r\n\r\n"},
        {505, "GET / HTTP/3.0\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT(hostile); i++) {
        char head[20];
        snprintf(head, sizeof head, "HTTP/1.1 %d ", hostile[i].status);
        CHECK(ask(hostile[i].text));
        CHECK(answered(head, "\n") && count("Connection: close\r\n") == 1 && count("HTTP/1.1") == 1);
    }
    static char long_target[6000] = "GET /";
    memset(long_target + 5, 'a', 5500);
    CHECK(ask(long_target) && answered("HTTP/1.1 414", "\n"));
    static char long_head[10000] = "GET /" H "A: ";
    memset(long_head + strlen(long_head), 'a', 9000);
    CHECK(ask(long_head) && answered("HTTP/1.1 431", "\n"));
}

IN_WORLD(a_response_that_cannot_be_finished_is_cut)
{
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "GET /broken" H "\r\n") && !read_until(s, NULL));
    CHECK_EQ(stream_status(s), ERR_RESET);
    stream_abort(s);
}

IN_WORLD(conditions)
{
    CHECK(ask("GET /file" H CLOSE "If-None-Match: \"v0\", W/\"v1\"\r\n\r\n") &&
          answered("HTTP/1.1 304 ", "\r\n\r\n"));
    CHECK(count("ETag: \"v1\"\r\n") == 1 && count("Content-Length") == 0);
    CHECK(ask("GET /file" H CLOSE
              "If-None-Match: \"v0\"\r\nIf-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT\r\n\r\n") &&
          answered("HTTP/1.1 200 ", "xyz"));
    CHECK(ask("GET /file" H CLOSE "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n") &&
          answered("HTTP/1.1 304 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT\r\n\r\n") &&
          answered("HTTP/1.1 200 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Modified-Since: rubbish\r\n\r\n") && answered("HTTP/1.1 200 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Match: \"v2\"\r\n\r\n") && answered("HTTP/1.1 412 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Match: W/\"v1\"\r\n\r\n") && answered("HTTP/1.1 412 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Match: *\r\n\r\n") && answered("HTTP/1.1 200 ", ""));
    CHECK(ask("GET /file" H CLOSE "If-Unmodified-Since: Sun, 06 Nov 1984 08:49:37 GMT\r\n\r\n") &&
          answered("HTTP/1.1 412 ", ""));
}

IN_WORLD(byte_ranges)
{
    CHECK(ask("GET /file" H CLOSE "Range: bytes=2-4\r\n\r\n") &&
          answered("HTTP/1.1 206 Partial Content\r\n", "\r\n\r\ncde"));
    CHECK(count("Content-Range: bytes 2-4/26\r\n") == 1 && count("Content-Length: 3\r\n") == 1);
    CHECK(ask("GET /file" H CLOSE "Range: bytes=-2\r\n\r\n") && answered("HTTP/1.1 206", "\r\n\r\nyz"));
    CHECK(ask("GET /file" H CLOSE "Range: bytes=26-\r\n\r\n") && answered("HTTP/1.1 416", "\n"));
    CHECK(count("Content-Range: bytes */26\r\n") == 1);
    CHECK(ask("GET /file" H CLOSE "Range: lines=1-2\r\n\r\n") && answered("HTTP/1.1 200", "xyz"));
    CHECK(ask("HEAD /file" H CLOSE "Range: bytes=2-4\r\n\r\n") && answered("HTTP/1.1 200", "\r\n\r\n"));
    CHECK(ask("GET /file" H CLOSE "Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n\r\n") &&
          answered("HTTP/1.1 200", "xyz"));
    CHECK(ask("GET /file" H CLOSE "Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n\r\n") &&
          answered("HTTP/1.1 206", "cde"));
    CHECK(ask("GET /file" H CLOSE "Range: bytes=0-1,4-5\r\n\r\n") && answered("HTTP/1.1 206", "--\r\n"));
    CHECK(count("Content-Type: multipart/byteranges; boundary=") == 1 &&
          count("Content-Range: bytes 4-5/26\r\n\r\nef\r\n--") == 1);
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    CHECK_EQ(strtoul(strstr(answer, "Content-Length: ") + 16, NULL, 10), answer_n - (size_t)(body - answer));
}

static void in_pieces_client(void)
{
    CHECK(ask("\r\nGET /hello/1" H "X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\nPOST /echo" H
              "Transfer-Encoding: chunked\r\n\r\n"
              "A\r\n0123456789\r\n0\r\nT: x\r\n\r\nGET /file" H CLOSE "\r\n"));
    CHECK(count("HTTP/1.1 200 OK") == 3 && count("hello 1") == 1 && count("\r\n0123456789") == 1);
    CHECK(answered("HTTP/1.1 200", "xyz"));
    CHECK(ask("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") && answered("HTTP/1.1 400", "\n"));
}

TEST(one_byte_at_a_time)
{
    run(in_pieces_client, (struct http_config){0},
        (struct sim_pipe_options){.piece_bytes = 1, .scatter_bytes = 1});
    run(in_pieces_client, (struct http_config){0},
        (struct sim_pipe_options){.piece_bytes = 7, .scatter_bytes = 3});
    run(in_pieces_client, (struct http_config){0}, (struct sim_pipe_options){.scatter_bytes = 1});
}

static void small_buffers_client(void)
{
    struct view rest = {(u8 *)answer, 0};
    CHECK(ask("GET /big" H "\r\nGET /file" H "\r\nGET /big" H CLOSE "\r\n"));
    rest.n = answer_n;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(body_bytes(&rest), i == 1 ? 26 : 37000);
    CHECK_EQ(rest.n, 0);
}

TEST(buffers_smaller_than_the_answer)
{
    run(small_buffers_client, (struct http_config){0}, (struct sim_pipe_options){.buffer_bytes = 4096});
}

/* ---- time ------------------------------------------------------------------------------ */

IN_WORLD(a_head_must_come_in_time)
{
    struct stream *s = dial(), *silent = dial();
    u64 start = loop_now();
    answer_n = 0;
    CHECK(send_text(s, "GET /hello/1 HTTP/1.1\r\nHo"));
    for (int i = 0; i < 30 && stream_status(s) == OK; i++)
        if (!send_text(s, "x") || fiber_sleep_ns(NS_PER_S) != OK)
            break;
    CHECK(loop_now() - start >= 20 * NS_PER_S && loop_now() - start <= 22 * NS_PER_S);
    CHECK(read_until(s, NULL) && answered("HTTP/1.1 408", "408 Request Timeout\n"));
    answer_n = 0;
    CHECK(read_until(silent, NULL) && answer_n == 0);
    stream_close(s);
    stream_close(silent);
}

IN_WORLD(a_body_must_move)
{
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "PUT /whole" H "Content-Length: 900\r\n\r\n"));
    for (int i = 0; i < 60 && stream_status(s) == OK; i++)
        if (!send_text(s, "x") || fiber_sleep_ns(NS_PER_S) != OK)
            break;
    CHECK(read_until(s, NULL) && answered("HTTP/1.1 408", "\n"));
    stream_close(s);
}

IN_WORLD(an_idle_connection_is_closed)
{
    struct stream *s = dial();
    u64 start = loop_now();
    answer_n = 0;
    CHECK(send_text(s, "GET /hello/1" H "\r\n") && read_until(s, "hello 1") && read_until(s, NULL));
    CHECK(loop_now() - start >= 60 * NS_PER_S && loop_now() - start < 62 * NS_PER_S);
    stream_close(s);
}

static void no_reader_client(void)
{
    struct stream *lazy = dial();
    for (int i = 0; i < 400; i++)
        if (stream_write(lazy, VIEW("GET /file" H "\r\n"), STREAM_COPY, loop_now()) != OK)
            break;
    for (int i = 0; i < 5; i++)
        CHECK(fiber_sleep_ns(NS_PER_S / 10) == OK && ask("GET /hello/1" H CLOSE "\r\n") &&
              answered("HTTP/1.1 200", "hello 1"));
    answer_n = 0;
    CHECK(read_until(lazy, NULL) ||
          count("HTTP/1.1 200") > 0); /* what was held back comes now, then the end */
    stream_close(lazy);
}

TEST(a_peer_that_does_not_read_holds_nobody_up)
{
    run(no_reader_client, (struct http_config){.workers = 1},
        (struct sim_pipe_options){.buffer_bytes = 8192});
}

/* ---- limits ------------------------------------------------------------------------------ */

static void one_worker_client(void)
{
    struct stream *s[5];
    for (size_t i = 0; i < COUNT(s); i++) {
        s[i] = dial();
        CHECK(send_text(s[i], "GET /slow" H CLOSE "\r\n"));
        CHECK(fiber_yield() == OK && fiber_sleep_ns(NS_PER_MS) == OK);
    }
    CHECK(ask("GET /hello/quick" H CLOSE "\r\n") && answered("HTTP/1.1 200", "quick")); /* needs no worker */
    for (size_t i = 0; i < COUNT(s); i++) {
        answer_n = 0;
        CHECK(read_until(s[i], NULL));
        CHECK(i < 3 ? answered("HTTP/1.1 200", "slow")
                    : answered("HTTP/1.1 503", "\n") && count("Retry-After: 1"));
        stream_close(s[i]);
    }
}

TEST(requests_wait_for_a_worker_and_are_shed_beyond_that)
{
    run(one_worker_client, (struct http_config){.workers = 1, .queue = 2}, (struct sim_pipe_options){0});
}

/* The worker is free as soon as its connection is cut, and the next request has it. */
static void cut_off_client(void)
{
    struct stream *cut = dial(), *next = dial();
    u64 start = loop_now();
    CHECK(send_text(cut, "GET /broken" H "\r\n") && send_text(next, "GET /known" H CLOSE "\r\n"));
    answer_n = 0;
    CHECK(read_until(next, NULL) && answered("HTTP/1.1 200", "0123456789"));
    CHECK(loop_now() - start < NS_PER_S);
    stream_close(cut);
    stream_close(next);
}

TEST(a_request_waits_no_longer_than_for_a_worker)
{
    run(cut_off_client, (struct http_config){.workers = 1}, (struct sim_pipe_options){0});
}

static void few_connections_client(void)
{
    struct stream *s[4];
    for (size_t i = 0; i < 3; i++) {
        s[i] = dial();
        CHECK(send_text(s[i], "GET /slow" H "\r\n") && fiber_sleep_ns(NS_PER_MS) == OK);
    }
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 503", "\r\n\r\n"));
    for (size_t i = 0; i < 3; i++) {
        answer_n = 0;
        CHECK(read_until(s[i], "slow"));
    }
    /* All three are idle now: the first makes room. */
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 200", "hello 1"));
    answer_n = 0;
    CHECK(read_until(s[0], NULL) && stream_status(s[1]) == OK && stream_status(s[2]) == OK);
    for (size_t i = 0; i < 3; i++)
        stream_close(s[i]);
}

TEST(at_the_connection_limit_the_longest_idle_makes_room)
{
    run(few_connections_client, (struct http_config){.connections = 3}, (struct sim_pipe_options){0});
}

static const char *const every_kind[] = {
    "GET /hello/1" H CLOSE "\r\n",
    "POST /echo" H CLOSE "Transfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n",
    "PUT /whole" H CLOSE "Content-Length: 5\r\n\r\nhello",
    "GET /query?q=x%20y" H CLOSE "\r\n",
    "GET /known" H CLOSE "\r\n",
    "GET /file" H CLOSE "\r\n",
    "GET /file" H CLOSE "Range: bytes=0-1,4-5\r\n\r\n",
    "GET /a/../nowhere" H CLOSE "\r\n",
    "DELETE /file" H CLOSE "\r\n",
    "GET /big" H CLOSE "\r\n",
};

static bool answered_or_cut(void)
{
    return answer_n == 0 || strncmp(answer, "HTTP/1.1 200", 12) == 0 ||
           strncmp(answer, "HTTP/1.1 20", 11) == 0 || strncmp(answer, "HTTP/1.1 503", 12) == 0 ||
           strncmp(answer, "HTTP/1.1 40", 11) == 0;
}

IN_WORLD(every_allocation_failing_in_turn)
{
    for (size_t kind = 0; kind < COUNT(every_kind); kind++) {
        size_t served = 0;
        for (u64 nth = 1; served == 0 && nth < 50; nth++) {
            server->fail_at = nth;
            (void)!ask(every_kind[kind]);
            CHECK(answered_or_cut());
            server->fail_at = 0;
            served = answer_n > 0 && strncmp(answer, "HTTP/1.1 503", 12) != 0;
            CHECK(ask("GET /hello/1" H CLOSE "\r\n") &&
                  answered("HTTP/1.1 200", "hello 1")); /* service goes on */
        }
        CHECK(served);
    }
    server->conns.fail_at = 1;
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 503", "\r\n\r\n"));
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 200", "hello 1"));
}

/* ---- the access log ------------------------------------------------------------------------ */

/* Each byte of these texts takes six in JSON. */
static const char loud[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80";

static void loud_client(void)
{
    static char text[4096];
    char *at = text + sprintf(text, "GET /hello/1" H CLOSE "Referer: ");
    for (int i = 0; i < 64; i++)
        at += sprintf(at, "%s%s", i == 32 ? "\r\nUser-Agent: " : "", loud);
    sprintf(at, "\r\n\r\n");
    CHECK(ask(text) && ask("GET /hello/2" H CLOSE "\r\n"));
    http_access_log_flush(server->config.log_arg);
    struct view lines = sim_console();
    size_t n = 0;
    for (; lines.n > 0; n++) {
        struct view line = view_cut(lines, '\n', &lines);
        CHECK(view_starts(line, VIEW("{\"time\":")) && view_ends(line, VIEW("\"}")));
    }
    CHECK_EQ(n, 2);
}

static void loud_world(void *arg)
{
    struct http_access_log log;
    (void)arg;
    CHECK_EQ(http_access_log_init(&log, sim_arena(), VIEW("json")), OK);
    struct world w = {{.log = http_access_log, .log_arg = &log}, {0}, loud_client};
    world(&w);
}

TEST(no_request_breaks_a_line_of_the_log)
{
    sim_run(1, loud_world, NULL);
}

/* ---- stopping ------------------------------------------------------------------------------ */

IN_WORLD(a_stop_lets_requests_in_flight_end)
{
    struct stream *idle = dial(), *busy = dial(), *half = dial();
    answer_n = 0;
    CHECK(send_text(idle, "GET /hello/1" H "\r\n") && read_until(idle, "hello 1"));
    CHECK(send_text(busy, "GET /slow" H "\r\n") && send_text(half, "GET /hello/2" H));
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    u64 start = loop_now();
    http_stop(server);
    CHECK(read_until(idle, NULL) && loop_now() - start < NS_PER_S / 10);
    CHECK(send_text(half, "\r\n"));
    answer_n = 0;
    CHECK(read_until(half, NULL) && answered("HTTP/1.1 200", "hello 2") && count("Connection: close\r\n"));
    answer_n = 0;
    CHECK(read_until(busy, NULL) && answered("HTTP/1.1 200", "slow") && count("Connection: close\r\n"));
    CHECK(loop_now() - start < 2 * NS_PER_S);
    stream_close(idle);
    stream_close(busy);
    stream_close(half);
}

static void stop_late_client(void)
{
    struct stream *s = dial();
    CHECK(send_text(s, "GET /slow" H "\r\n") && fiber_sleep_ns(NS_PER_MS) == OK);
    http_stop(server);
    CHECK(fiber_sleep_ns(NS_PER_S / 2) == OK);
    CHECK(stream_status(s) == ERR_RESET);
    stream_abort(s);
}

TEST(a_stop_has_an_end)
{
    run(stop_late_client, (struct http_config){.stop_timeout_ns = NS_PER_S / 4},
        (struct sim_pipe_options){0});
}

TESTS(CASE(a_request_is_answered_with_a_length), CASE(head_has_the_same_head_and_no_body),
      CASE(pipelined_requests_are_answered_in_order),
      CASE(a_connection_is_kept_and_ends_when_the_client_is_done), CASE(http_1_0), CASE(bodies_both_ways),
      CASE(answers_of_other_shapes), CASE(a_body_that_nobody_read_is_skipped), CASE(expect_100_continue),
      CASE(methods_and_paths_that_are_not_there), CASE(hostile_shapes_end_the_connection_with_a_code),
      CASE(a_response_that_cannot_be_finished_is_cut), CASE(conditions), CASE(byte_ranges),
      CASE(one_byte_at_a_time), CASE(buffers_smaller_than_the_answer), CASE(a_head_must_come_in_time),
      CASE(a_body_must_move), CASE(an_idle_connection_is_closed),
      CASE(a_peer_that_does_not_read_holds_nobody_up),
      CASE(requests_wait_for_a_worker_and_are_shed_beyond_that),
      CASE(a_request_waits_no_longer_than_for_a_worker), CASE(no_request_breaks_a_line_of_the_log),
      CASE(at_the_connection_limit_the_longest_idle_makes_room), CASE(every_allocation_failing_in_turn),
      CASE(a_stop_lets_requests_in_flight_end), CASE(a_stop_has_an_end))
