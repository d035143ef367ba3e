/* The stack as a whole, on devices that are slow to take what it sends. */
#include "test/tcp_pair.h"

enum { BULK_BYTES = 20 << 20 };

static u8 bulk[BULK_BYTES];

static void send_bulk(void *arg)
{
    struct stream *s = arg;
    if (stream_write(s, VIEW_OF(bulk), STREAM_STATIC, FOREVER) == OK)
        (void)stream_finish(s);
}

/* What a full device refuses goes back to TCP: nothing is lost or sent twice, and the
 * link is kept busy. 168 ms are the least there can be. */
static void full_device(void *arg)
{
    struct pair p;
    struct scope scope;
    struct sim_path path = {
        .latency_ns = 100 * NS_PER_US, .rate_bps = 1000000000, .queue_bytes = 100000, .backpressure = true};
    CHECK(pair_start(&p, &path, *(u32 *)arg) && pair_connect(&p));
    struct random r;
    random_seed(&r, 1);
    for (size_t i = 0; i < BULK_BYTES; i += 8)
        store_le64(SPAN_OF(bulk), i, random_u64(&r));
    scope_open(&scope, "sender");
    CHECK_OK(fiber_spawn(&scope, "sender", send_bulk, p.server));
    u64 start = clock_mono_ns();
    size_t got = 0;
    while (stream_wait(p.client, 0, after_ms(60000)) == OK) {
        struct view piece;
        CHECK(stream_pieces(p.client, (struct stream_pieces){&piece, 1}) == 1);
        CHECK(view_eq(piece, view_sub(VIEW_OF(bulk), got, piece.n)));
        got += piece.n;
        stream_consume(p.client, piece.n);
    }
    CHECK_EQ(got, BULK_BYTES);
    u64 ms = (clock_mono_ns() - start) / NS_PER_MS;
    printf("# %llu ms, %llu retransmissions, %llu dropped\n", (unsigned long long)ms,
           (unsigned long long)stack_stats(p.a).tcp_retransmits,
           (unsigned long long)stack_stats(p.a).tx_dropped);
    CHECK(ms < 200);
    CHECK_EQ(stack_stats(p.a).tcp_retransmits, 0);
    CHECK_EQ(stack_stats(p.a).tx_dropped, 0);
    scope_leave(&scope);
    stream_close(p.client);
    stream_close(p.server);
    pair_end(&p);
}

static u32 all = SIM_FEATURES, none = 0;

TEST(a_full_device_is_waited_for)
{
    sim_run(1, full_device, &all);
}
TEST(a_full_device_without_offloads)
{
    sim_run(2, full_device, &none);
}

TESTS(CASE(a_full_device_is_waited_for), CASE(a_full_device_without_offloads))
