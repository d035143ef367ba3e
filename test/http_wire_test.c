/* wire/http*: heads, chunks, values and paths, well-formed and hostile. */
#include "test/test.h"

#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "wire/http.h"
#include "wire/http_chunked.h"
#include "wire/http_value.h"
#include "wire/uri.h"

static const struct http_limits limits = {.head_bytes = 8192, .target_bytes = 4096, .fields = 64};
static struct http_head head;

static enum err request(const char *text)
{
    return http_parse_request(&head, view_z(text), &limits);
}

static bool is(struct http_slot slot, const char *text)
{
    return view_eq(http_slot_view(&head, slot), view_z(text));
}

TEST(a_request_is_parsed_in_place)
{
    const char *text = "GET /a/b?x=1&y HTTP/1.1\r\nHost: example.org:8080\r\nAccept-Encoding:gzip \r\n"
                       "X-Odd:\r\n\r\nrest";
    CHECK_EQ(request(text), OK);
    CHECK_EQ(head.bytes.n, strlen(text) - 4);
    CHECK_EQ(head.method, HTTP_GET);
    CHECK(is(head.path, "/a/b") && is(head.query, "x=1&y") && head.has_query);
    CHECK(is(head.host, "example.org:8080") && head.keep_alive && head.framing == HTTP_NO_BODY);
    struct view v;
    CHECK(http_known(&head, HTTP_ACCEPT_ENCODING, &v) && view_eq(v, VIEW("gzip")));
    CHECK(http_field(&head, VIEW("x-odd"), 0, &v) && v.n == 0);
    CHECK(!http_field(&head, VIEW("x-odd"), 1, &v) && !http_known(&head, HTTP_RANGE, &v));
}

TEST(every_shorter_head_asks_for_more)
{
    const char *text = "\r\nPOST http://h/p HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n";
    for (size_t n = 0; n < strlen(text); n++)
        CHECK_EQ(http_parse_request(&head, view_first(view_z(text), n), &limits), ERR_EOF);
    CHECK_EQ(request(text), OK);
    CHECK(head.framing == HTTP_LENGTH && head.content_length == 12 && is(head.path, "/p") &&
          is(head.host, "h"));
}

TEST(persistence_follows_version_and_connection)
{
    CHECK(request("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n") == OK && !head.keep_alive);
    CHECK(request("GET / HTTP/1.0\r\n\r\n") == OK && !head.keep_alive);
    CHECK(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == OK && head.keep_alive);
    CHECK(request("GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\nConnection: close\r\n\r\n") == OK &&
          !head.keep_alive);
}

TEST(target_forms)
{
    CHECK(request("GET http://u.example/x?y HTTP/1.1\r\nHost: other\r\n\r\n") == OK &&
          is(head.host, "u.example") && is(head.path, "/x") && is(head.query, "y"));
    CHECK(request("GET http://u.example HTTP/1.1\r\nHost: other\r\n\r\n") == OK && is(head.path, ""));
    CHECK(request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n") == OK && is(head.path, "*"));
    CHECK(request("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n") == OK && is(head.host, "h:443"));
    CHECK(request("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n") == OK);
    CHECK(request("GET / HTTP/1.1\r\nHost:\r\n\r\n") == OK);
}

struct refused {
    int status;
    const char *text;
};

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

static const struct refused refused[] = {
    {400, "GET / HTTP/1.1\nHost: h\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: h\n\r\n"},
    {400, "GET / HTTP/1.1\rHost: h\r\n\r\n"},
    {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
    {400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET /\r\n\r\n"},
    {400, "GET x HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET http://u@h/x HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET / http/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET / HTTP/1.x\r\nHost: h\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
    {400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {501, "AVERYLONGMETHODNAMETHATNOBODYKNOWS / HTTP/1.1\r\nHost: h\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {400, "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"},
    {400, GET " folded\r\n\r\n"},
    {400, GET "A: b\r\n folded\r\n\r\n"},
    {400, GET "A : b\r\n\r\n"},
    {400, GET ": b\r\n\r\n"},
    {400, GET "A\r\n\r\n"},
    {400, GET "A(b): c\r\n\r\n"},
    {400, GET "A: b\x01\r\n\r\n"},
    {400, GET "A: b\rc\r\n\r\n"},
    {400, GET "A: b\x7f\r\n\r\n"},
    {400, GET "\x80: b\r\n\r\n"},
    {400, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"},
    {400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"},
    {400, POST "Content-Length: 5, 5\r\n\r\n"},
    {400, POST "Content-Length: +5\r\n\r\n"},
    {400, POST "Content-Length: -5\r\n\r\n"},
    {400, POST "Content-Length: 0x5\r\n\r\n"},
    {400, POST "Content-Length:\r\n\r\n"},
    {413, POST "Content-Length: 18446744073709551616\r\n\r\n"},
    {400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: identity\r\n\r\n"},
    {400, POST "Transfer-Encoding: xchunked\r\n\r\n"},
    {400, POST "Transfer-Encoding: chunked, identity\r\n\r\n"},
    {400, POST "Transfer-Encoding: \"chunked\"\r\n\r\n"},
    {501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
    {400, POST "Transfer-Encoding : chunked\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {417, POST "Expect: 200-ok\r\n\r\n"},
};

TEST(shapes_that_could_be_understood_in_two_ways_are_refused)
{
    for (size_t i = 0; i < COUNT(refused); i++) {
        enum err e = request(refused[i].text);
        if (e == OK || e == ERR_EOF || head.refusal != refused[i].status)
            printf("# %d, %d for: %s\n", (int)e, head.refusal, refused[i].text);
        CHECK(e != OK && e != ERR_EOF);
        CHECK_EQ(head.refusal, refused[i].status);
    }
    /* A zero byte, which a C string cannot hold. */
    CHECK_EQ(http_parse_request(&head, VIEW(GET "A: b\0c\r\n\r\n"), &limits), ERR_MALFORMED);
    CHECK_EQ(http_parse_request(&head, VIEW("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"), &limits), ERR_MALFORMED);
}

TEST(limits_have_their_codes)
{
    static char text[20000];
    strcpy(text, "GET /");
    memset(text + 5, 'a', 5000);
    CHECK_EQ(request(text), ERR_TOO_BIG);
    CHECK_EQ(head.refusal, 414);
    strcpy(text, GET "A: ");
    memset(text + strlen(text), 'a', 9000);
    CHECK_EQ(request(text), ERR_TOO_BIG);
    CHECK_EQ(head.refusal, 431);
    strcpy(text, GET);
    for (int i = 0; i < 63; i++)
        strcat(text, "A: b\r\n");
    strcat(text, "\r\n");
    CHECK_EQ(request(text), OK);
    strcpy(text + strlen(text) - 2, "A: b\r\n\r\n");
    CHECK_EQ(request(text), ERR_TOO_BIG);
    CHECK_EQ(head.refusal, 431);
}

TEST(a_moved_head_reads_the_copy)
{
    char bytes[] = GET "Cookie: secret\r\n\r\n", again[sizeof bytes];
    CHECK_EQ(http_parse_request(&head, view_z(bytes), &limits), OK);
    memcpy(again, bytes, sizeof bytes);
    struct http_head moved;
    http_head_move(&moved, &head, view_z(again));
    memset(bytes, 'x', sizeof bytes);
    struct view v;
    CHECK(http_field(&moved, VIEW("COOKIE"), 0, &v) && view_eq(v, VIEW("secret")));
}

TEST(responses)
{
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), HTTP_GET,
                                 &limits),
             OK);
    CHECK(head.status == 200 && head.content_length == 3 && head.framing == HTTP_LENGTH &&
          is(head.reason, "OK"));
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 200 \r\n\r\n"), HTTP_GET, &limits), OK);
    CHECK(head.framing == HTTP_UNTIL_CLOSE && !head.keep_alive);
    CHECK_EQ(
        http_parse_response(&head, VIEW("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), HTTP_HEAD, &limits),
        OK);
    CHECK(head.framing == HTTP_NO_BODY && head.keep_alive);
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n"),
                                 HTTP_GET, &limits),
             OK);
    CHECK(head.framing == HTTP_NO_BODY);
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 600 OK\r\n\r\n"), HTTP_GET, &limits), ERR_MALFORMED);
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 20 OK\r\n\r\n"), HTTP_GET, &limits), ERR_MALFORMED);
    CHECK_EQ(http_parse_response(&head, VIEW("HTTP/1.1 200 OK\n\n"), HTTP_GET, &limits), ERR_MALFORMED);
    CHECK_EQ(http_parse_response(&head, VIEW("ICY 200 OK\r\n\r\n"), HTTP_GET, &limits), ERR_MALFORMED);
    CHECK_EQ(http_parse_response(
                 &head, VIEW("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
                 HTTP_GET, &limits),
             ERR_MALFORMED);
}

/* Decodes `text` in pieces of `piece` bytes; answers the data, or what went wrong. */
static enum err dechunk(struct view text, size_t piece, char *out, size_t *left)
{
    struct http_chunked c = {0};
    size_t n = 0;
    while (text.n > 0 && c.state != CHUNK_DONE) {
        struct view in = view_first(text, piece < text.n ? piece : text.n), data;
        while (in.n > 0 && c.state != CHUNK_DONE) {
            size_t taken;
            TRY(http_chunked_next(&c, in, &taken, &data));
            memcpy(out + n, data.p, data.n);
            n += data.n;
            in = view_from(in, taken);
            text = view_from(text, taken);
        }
    }
    out[n] = 0;
    *left = text.n;
    return c.state == CHUNK_DONE ? OK : ERR_EOF;
}

TEST(chunks_in_pieces_of_any_size)
{
    struct view text =
        VIEW("5\r\nhello\r\n1;a=\"b\"\r\n \r\n0000a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET");
    for (size_t piece = 1; piece <= text.n; piece++) {
        char out[100];
        size_t left;
        CHECK_EQ(dechunk(text, piece, out, &left), OK);
        CHECK(strcmp(out, "hello 0123456789") == 0 && left == 3);
    }
    for (size_t n = 0; n < text.n - 3; n++) {
        char out[100];
        size_t left;
        CHECK_EQ(dechunk(view_first(text, n), 7, out, &left), ERR_EOF);
    }
}

TEST(bad_chunks_are_refused)
{
    static const char *const bad[] = {
        "\r\n",
        "g\r\n",
        "5 \r\nhello\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhelloX",
        "5\r\nhello\n",
        "5\r\rhello\r\n",
        "5;a\nhello",
        " 5\r\nhello\r\n",
        "5\r\nhello\r\n\r\n",
        "0\r\n\n",
        "0\r\n a\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\nA\r\n\r\n",
        "0\r\nA: b\x01\r\n\r\n",
        "5;\x01\r\n",
        "11111111111111111\r\n",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char out[100];
        size_t left;
        enum err e = dechunk(view_z(bad[i]), 3, out, &left);
        if (e != ERR_MALFORMED && e != ERR_TOO_BIG)
            printf("# %s\n", bad[i]);
        CHECK(e == ERR_MALFORMED || e == ERR_TOO_BIG);
    }
    static char text[10000], out[10000];
    size_t left;
    memset(text, 'a', 400);
    memcpy(text, "5;", 2);
    CHECK_EQ(dechunk(view_z(text), 100, out, &left), ERR_TOO_BIG);
    memset(text, 'a', 9000);
    memcpy(text, "0\r\nA:", 5);
    CHECK_EQ(dechunk(view_z(text), 100, out, &left), ERR_TOO_BIG);
}

TEST(dates_in_three_forms)
{
    u64 t = 0;
    CHECK(http_date(VIEW("Sun, 06 Nov 1994 08:49:37 GMT"), &t) == OK && t == 784111777);
    CHECK(http_date(VIEW("Sunday, 06-Nov-94 08:49:37 GMT"), &t) == OK && t == 784111777);
    CHECK(http_date(VIEW("Sun Nov  6 08:49:37 1994"), &t) == OK && t == 784111777);
    static const char *const bad[] = {
        "",
        "x",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        ",",
        "Sun Nov 6",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_EQ(http_date(view_z(bad[i]), &t), ERR_MALFORMED);
}

TEST(etag_lists)
{
    struct view tag = VIEW("\"a\"");
    CHECK(http_etag_listed(VIEW("*"), tag, false));
    CHECK(http_etag_listed(VIEW("\"x\", \"a\""), tag, false));
    CHECK(http_etag_listed(VIEW("W/\"a\""), tag, true) && !http_etag_listed(VIEW("W/\"a\""), tag, false));
    CHECK(http_etag_listed(VIEW("\"x,y\",, \"a\""), tag, false));
    CHECK(!http_etag_listed(VIEW("a"), tag, true) && !http_etag_listed(VIEW("\"a"), tag, true));
    CHECK(!http_etag_listed(VIEW(""), tag, true) && !http_etag_listed(VIEW("W/"), tag, true));
}

static bool ranges(const char *text, u64 size, size_t n, u64 first, u64 last)
{
    struct http_ranges r;
    return http_ranges(view_z(text), size, &r) == OK && r.n == n && r.range[n - 1].first == first &&
           r.range[n - 1].last == last;
}

TEST(byte_ranges)
{
    CHECK(ranges("bytes=0-0", 10, 1, 0, 0) && ranges("bytes=2-", 10, 1, 2, 9) &&
          ranges("bytes=-3", 10, 1, 7, 9));
    CHECK(ranges("bytes=-30", 10, 1, 0, 9) && ranges("Bytes=0-99", 10, 1, 0, 9));
    CHECK(ranges("bytes=0-1, 5-6", 10, 2, 5, 6) && ranges("bytes=20-30,5-6", 10, 1, 5, 6));
    CHECK(ranges("bytes=1-99999999999999999999999", 10, 1, 1, 9));
    struct http_ranges r;
    CHECK_EQ(http_ranges(VIEW("bytes=10-"), 10, &r), ERR_RANGE);
    CHECK_EQ(http_ranges(VIEW("bytes=-0"), 10, &r), ERR_RANGE);
    CHECK_EQ(http_ranges(VIEW("bytes=-5"), 0, &r), ERR_RANGE);
    CHECK_EQ(http_ranges(VIEW("bytes=99999999999999999999999-"), 10, &r), ERR_RANGE);
    static const char *const ignored[] = {"",
                                          "bytes",
                                          "bytes=",
                                          "items=0-1",
                                          "bytes=5-2",
                                          "bytes=a-b",
                                          "bytes=-",
                                          "bytes=0-5,3-8",
                                          "bytes=5-6,0-1",
                                          "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16",
                                          "bytes=0-1,"};
    for (size_t i = 0; i < COUNT(ignored) - 1; i++)
        CHECK_EQ(http_ranges(view_z(ignored[i]), 100, &r), ERR_UNSUPPORTED);
}

TEST(content_codings)
{
    struct view gzip = VIEW("gzip");
    CHECK(http_accepts_coding(VIEW("gzip, deflate, br"), gzip) && http_accepts_coding(VIEW("*"), gzip));
    CHECK(http_accepts_coding(VIEW("br;q=1.0, GZIP;q=0.8, *;q=0.1"), gzip));
    CHECK(!http_accepts_coding(VIEW(""), gzip) && !http_accepts_coding(VIEW("gzip;q=0"), gzip));
    CHECK(!http_accepts_coding(VIEW("*;q=0"), gzip) && !http_accepts_coding(VIEW("deflate"), gzip));
    CHECK(!http_accepts_coding(VIEW("gzip;q=0.5, identity"), gzip));
    CHECK(!http_accepts_coding(VIEW("gzip;q=2"), gzip) && !http_accepts_coding(VIEW("gzip;q=x"), gzip));
}

static bool path(const char *in, const char *out)
{
    u8 room[200];
    struct view v;
    return uri_path(view_z(in), (struct span){room, strlen(in)}, &v) == OK && view_eq(v, view_z(out));
}

TEST(paths_never_leave_the_root)
{
    CHECK(path("/", "/") && path("/a/b", "/a/b") && path("/%61%2Fb", "/a/b"));
    CHECK(path("/a/../b", "/b") && path("/a/..", "/") && path("/../../etc", "/etc") &&
          path("/a/b/..", "/a/"));
    CHECK(path("/%2e%2e/%2e%2E/etc/passwd", "/etc/passwd") && path("/a%2f..%2f..%2fb", "/b"));
    CHECK(path("/./a/./", "/a/") && path("/a/.", "/a/") && path("/...", "/...") && path("/.a", "/.a"));
    CHECK(path("//a//b", "//a//b") && path("/a//../b", "/a/b") && path("/a b", "/a b"));
    u8 room[200];
    struct view v;
    static const char *const bad[] = {"", "a", "*", "/%", "/%1", "/%zz", "/%00", "/a%0ab", "/%7f", "%2f"};
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_EQ(uri_path(view_z(bad[i]), SPAN_OF(room), &v), ERR_MALFORMED);
    CHECK(uri_path_plain(VIEW("/a.b/c")) && !uri_path_plain(VIEW("/a/.b")) && !uri_path_plain(VIEW("/%61")));
}

TEST(forms)
{
    struct view rest = VIEW("a=1&&b&c=%41+b=d&"), name, value, v;
    u8 room[20];
    CHECK(uri_form_next(&rest, &name, &value) && view_eq(name, VIEW("a")) && view_eq(value, VIEW("1")));
    CHECK(uri_form_next(&rest, &name, &value) && view_eq(name, VIEW("b")) && value.n == 0);
    CHECK(uri_form_next(&rest, &name, &value) && view_eq(name, VIEW("c")));
    CHECK(uri_form_decode(value, SPAN_OF(room), &v) == OK && view_eq(v, VIEW("A b=d")));
    CHECK(!uri_form_next(&rest, &name, &value));
    CHECK_EQ(uri_form_decode(VIEW("%4"), SPAN_OF(room), &v), ERR_MALFORMED);
}

/* Flips, cuts and repeats bytes of good messages: never a trap, never a view outside. */
TEST(damaged_messages_never_trap)
{
    const char *env = getenv("SEED");
    u64 seed = env ? strtoull(env, NULL, 0) : (u64)time(NULL);
    printf("# SEED=%llu\n", (unsigned long long)seed);
    struct random r;
    random_seed(&r, seed);
    static const char *const good[] = {
        ("GET http://h:80/a%20b/../c?x=1 HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1,4-5\r\n"
         "Accept-Encoding: gzip;q=0.5\r\nIf-None-Match: W/\"a\", \"b\"\r\n"
         "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
        "5\r\nhello\r\n1;a=\"b\"\r\n \r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    };
    for (int i = 0; i < 200000; i++) {
        char text[400];
        u8 room[400];
        size_t n = strlen(strcpy(text, good[i % 3]));
        for (u64 changes = random_below(&r, 4); changes > 0; changes--)
            text[random_below(&r, n)] = (char)(random_u64(&r) >> random_below(&r, 64));
        struct view v = {(const u8 *)text, random_below(&r, 8) ? n : random_below(&r, n)}, value, out;
        struct http_chunked c = {0};
        size_t taken;
        u64 t;
        struct http_ranges rr;
        if (http_parse_request(&head, v, &limits) == OK) {
            if (uri_path(http_slot_view(&head, head.path), SPAN_OF(room), &out) == OK)
                CHECK(out.n > 0 && view_at(out, 0) == '/' && view_find_seq(out, VIEW("/../")) == out.n);
            for (enum http_known k = 0; k < HTTP_KNOWN_COUNT; k++)
                if (http_known(&head, k, &value)) {
                    (void)!http_date(value, &t);
                    (void)!http_ranges(value, random_u64(&r) >> random_below(&r, 64), &rr);
                    http_etag_listed(value, VIEW("\"b\""), true);
                    http_accepts_coding(value, VIEW("gzip"));
                }
        }
        (void)!http_parse_response(&head, v, HTTP_GET, &limits);
        while (v.n > 0 && c.state != CHUNK_DONE && http_chunked_next(&c, v, &taken, &out) == OK) {
            CHECK(taken <= v.n && out.n <= taken);
            v = view_from(v, taken);
        }
    }
}

TESTS(CASE(a_request_is_parsed_in_place), CASE(every_shorter_head_asks_for_more),
      CASE(persistence_follows_version_and_connection), CASE(target_forms),
      CASE(shapes_that_could_be_understood_in_two_ways_are_refused), CASE(limits_have_their_codes),
      CASE(a_moved_head_reads_the_copy), CASE(responses), CASE(chunks_in_pieces_of_any_size),
      CASE(bad_chunks_are_refused), CASE(dates_in_three_forms), CASE(etag_lists), CASE(byte_ranges),
      CASE(content_codings), CASE(paths_never_leave_the_root), CASE(forms), CASE(damaged_messages_never_trap))
