/* wire/tcp: what is encoded is decoded again, and broken headers are refused. */
#include "base/random.h"
#include "test/test.h"
#include "wire/tcp.h"

static struct tcp_segment random_segment(struct random *r)
{
    struct tcp_segment s = {
        .from_port = (u16)(random_u64(r) & 0xffff),
        .to_port = (u16)(random_u64(r) & 0xffff),
        .seq = (u32)(random_u64(r) & UINT32_MAX),
        .ack = (u32)(random_u64(r) & UINT32_MAX),
        .window = (u16)(random_u64(r) & 0xffff),
        .flags = (u8)random_below(r, 64),
        .options = {.scale = TCP_SCALE_NONE, .has_time = random_below(r, 2)},
    };
    if (s.flags & TCP_SYN) {
        s.options.mss = (u16)random_below(r, 65536);
        s.options.scale = random_below(r, 2) ? (u8)random_below(r, 15) : TCP_SCALE_NONE;
        s.options.sack_permitted = random_below(r, 2);
    } else {
        s.options.sack_n = (u8)random_below(r, s.options.has_time ? 4 : 5);
    }
    if (s.options.has_time) {
        s.options.time = (u32)(random_u64(r) & UINT32_MAX);
        s.options.time_echo = (u32)(random_u64(r) & UINT32_MAX);
    }
    for (size_t i = 0; i < s.options.sack_n; i++)
        AT(s.options.sack, i) =
            (struct tcp_range){(u32)random_below(r, UINT32_MAX), (u32)random_below(r, 1000)};
    return s;
}

static bool same(const struct tcp_segment *a, const struct tcp_segment *b)
{
    const struct tcp_options *x = &a->options, *y = &b->options;
    bool times =
        x->has_time == y->has_time && (!x->has_time || (x->time == y->time && x->time_echo == y->time_echo));
    for (size_t i = 0; i < x->sack_n && x->sack_n == y->sack_n; i++)
        if (AT(x->sack, i).from != AT(y->sack, i).from || AT(x->sack, i).to != AT(y->sack, i).to)
            return false;
    return a->from_port == b->from_port && a->to_port == b->to_port && a->seq == b->seq && a->ack == b->ack &&
           a->window == b->window && a->flags == b->flags && x->mss == y->mss && x->scale == y->scale &&
           x->sack_permitted == y->sack_permitted && x->sack_n == y->sack_n && times;
}

TEST(round_trip)
{
    struct random r;
    random_seed(&r, 1);
    printf("# seed 1\n");
    for (int i = 0; i < 20000; i++) {
        u8 bytes[64];
        struct tcp_segment in = random_segment(&r), out;
        size_t n = tcp_header_size(&in.options, in.flags);
        CHECK(n >= TCP_HEADER_MIN && n <= 60 && n % 4 == 0);
        tcp_encode(span_first(SPAN_OF(bytes), n), &in);
        CHECK_EQ(tcp_decode(&out, view_first(VIEW_OF(bytes), n)), OK);
        CHECK(same(&in, &out));
        CHECK_EQ(out.payload.n, 0);
        CHECK_EQ(tcp_decode(&out, view_first(VIEW_OF(bytes), n - 1)), ERR_MALFORMED);
    }
}

static enum err decode_options(struct tcp_segment *out, struct view options)
{
    u8 bytes[60] = {0};
    size_t n = (options.n + 3) / 4 * 4;
    copy(span_sub(SPAN_OF(bytes), TCP_HEADER_MIN, options.n), options);
    span_set(SPAN_OF(bytes), 12, (u8)((TCP_HEADER_MIN + n) / 4 << 4));
    return tcp_decode(out, view_first(VIEW_OF(bytes), TCP_HEADER_MIN + n));
}

TEST(options_that_are_odd)
{
    struct tcp_segment s;
    CHECK_EQ(decode_options(&s, VIEW("\x02\x04\x05\xb4")), OK);
    CHECK_EQ(s.options.mss, 1460);
    CHECK_EQ(decode_options(&s, VIEW("\x02\x00\x05\xb4")), ERR_MALFORMED); /* would never end */
    CHECK_EQ(decode_options(&s, VIEW("\x02\x01\x05\xb4")), ERR_MALFORMED);
    CHECK_EQ(decode_options(&s, VIEW("\x02\x05\x05\xb4")), ERR_MALFORMED); /* beyond the header */
    CHECK_EQ(decode_options(&s, VIEW("\x02\x03\x05\x00")), OK); /* a wrong length is not for us */
    CHECK_EQ(s.options.mss, 0);
    CHECK_EQ(decode_options(&s, VIEW("\xfe\x04\x01\x02\x03\x03\xff\x00")), OK); /* unknown; scale above 14 */
    CHECK_EQ(s.options.scale, 14);
    CHECK_EQ(decode_options(&s, VIEW("\x00\x02\x04\x05")), OK); /* nothing counts after the end */
    CHECK_EQ(s.options.mss, 0);
    CHECK_EQ(decode_options(&s, VIEW("\x01\x01\x05\x09\x01\x01\x01\x01\x02\x02\x02\x00")), OK);
    CHECK_EQ(s.options.sack_n, 0);
}

TEST(headers_that_lie)
{
    u8 bytes[60] = {0};
    struct tcp_segment s;
    for (u8 words = 0; words < 16; words++) {
        span_set(SPAN_OF(bytes), 12, (u8)(words << 4));
        for (size_t n = 0; n <= sizeof bytes; n++) {
            bool whole = words >= 5 && n >= (size_t)words * 4;
            CHECK_EQ(tcp_decode(&s, view_first(VIEW_OF(bytes), n)), whole ? OK : ERR_MALFORMED);
        }
    }
}

TESTS(CASE(round_trip), CASE(options_that_are_odd), CASE(headers_that_lie))
