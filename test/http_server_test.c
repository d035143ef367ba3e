/* lib/http's server over streams without a network: requests as a client writes
 * them, and what comes back byte for byte. */
#include "test/http_world.h"

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

TESTS(CASE(a_request_is_answered_with_a_length), CASE(head_has_the_same_head_and_no_body),
      CASE(pipelined_requests_are_answered_in_order),
      CASE(a_connection_is_kept_and_ends_when_the_client_is_done), CASE(http_1_0), CASE(bodies_both_ways),
      CASE(answers_of_other_shapes), CASE(a_body_that_nobody_read_is_skipped), CASE(expect_100_continue),
      CASE(methods_and_paths_that_are_not_there), CASE(hostile_shapes_end_the_connection_with_a_code),
      CASE(a_response_that_cannot_be_finished_is_cut), CASE(conditions), CASE(byte_ranges),
      CASE(one_byte_at_a_time), CASE(buffers_smaller_than_the_answer))
