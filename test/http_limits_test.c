/* lib/http's server at its limits: time, workers, connections, memory, and its end. */
#include "test/http_world.h"

#include "lib/http/log.h"

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

/* Nobody else wakes the server up for its sake. */
IN_WORLD(one_that_is_alone_and_silent_is_closed)
{
    struct stream *s = dial();
    u64 start = loop_now();
    answer_n = 0;
    CHECK(read_until(s, NULL) && answer_n == 0);
    CHECK(loop_now() - start >= 20 * NS_PER_S && loop_now() - start <= 22 * NS_PER_S);
    stream_close(s);
}

IN_WORLD(one_that_is_alone_and_idle_is_closed)
{
    struct stream *s = dial();
    answer_n = 0;
    CHECK(send_text(s, "GET /slow" H "\r\n") && read_until(s, "slow"));
    u64 start = loop_now();
    CHECK(read_until(s, NULL));
    CHECK(loop_now() - start >= 60 * NS_PER_S && loop_now() - start <= 62 * NS_PER_S);
    stream_close(s);
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

/* Each piece comes in its time, but all together too slowly: 100 bytes a second. */
static void slow_reader_client(void)
{
    struct stream *s = dial();
    u64 start = loop_now();
    CHECK(send_text(s, "GET /big" H "\r\n"));
    while (stream_status(s) == OK && loop_now() - start < 300 * NS_PER_S) {
        CHECK(fiber_sleep_ns(5 * NS_PER_S) == OK);
        stream_consume(s, MIN(stream_buffered(s), (size_t)500));
    }
    CHECK(stream_status(s) == ERR_RESET);
    CHECK(loop_now() - start < 120 * NS_PER_S); /* 20 s, and what 37 KB take at 500 a second */
    stream_abort(s);
}

TEST(an_answer_must_move_on_the_whole)
{
    run(slow_reader_client, (struct http_config){0}, (struct sim_pipe_options){.buffer_bytes = 1024});
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
    CHECK(stream_status(s[0]) == ERR_EOF && stream_status(s[1]) == OK && stream_status(s[2]) == OK);
    for (size_t i = 0; i < 3; i++)
        stream_close(s[i]);
}

TEST(at_the_connection_limit_the_longest_idle_makes_room)
{
    run(few_connections_client, (struct http_config){.connections = 3}, (struct sim_pipe_options){0});
}

/* Connections without a word, as many as there may be: at first they might still say
 * something, after a second the first of them makes room. */
static void silent_crowd_client(void)
{
    struct stream *s[3];
    for (size_t i = 0; i < 3; i++)
        s[i] = dial();
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 503", "\r\n\r\n"));
    CHECK(send_text(s[1], "GET /hel") && fiber_sleep_ns(NS_PER_S) == OK);
    CHECK(ask("GET /hello/1" H CLOSE "\r\n") && answered("HTTP/1.1 200", "hello 1"));
    CHECK(stream_status(s[0]) == ERR_EOF && stream_status(s[1]) == OK && stream_status(s[2]) == OK);
    for (size_t i = 0; i < 3; i++)
        stream_close(s[i]);
}

TEST(at_the_connection_limit_the_silent_make_room)
{
    run(silent_crowd_client, (struct http_config){.connections = 3}, (struct sim_pipe_options){0});
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

TESTS(CASE(a_head_must_come_in_time), CASE(one_that_is_alone_and_silent_is_closed),
      CASE(one_that_is_alone_and_idle_is_closed), CASE(a_body_must_move),
      CASE(an_answer_must_move_on_the_whole), CASE(an_idle_connection_is_closed),
      CASE(a_peer_that_does_not_read_holds_nobody_up),
      CASE(requests_wait_for_a_worker_and_are_shed_beyond_that),
      CASE(a_request_waits_no_longer_than_for_a_worker), CASE(no_request_breaks_a_line_of_the_log),
      CASE(at_the_connection_limit_the_longest_idle_makes_room),
      CASE(at_the_connection_limit_the_silent_make_room), CASE(every_allocation_failing_in_turn),
      CASE(a_stop_lets_requests_in_flight_end), CASE(a_stop_has_an_end))
