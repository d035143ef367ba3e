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

struct crowd_end {
    struct stream *s;
    bool right;
};

static void crowd_reads(void *arg)
{
    struct crowd_end *end = arg;
    enum err why;
    end->right = pattern_read(end->s, SIZE_MAX, 0, &why) == 14000 && why == ERR_EOF;
    stream_close(end->s);
}

/* More frames in a turn than the ring holds, from many, to a device that takes few of them: who
 * does not get in is asked first in the next turn, and nobody's text is lost or sent twice. */
static void crowd_before_a_full_device(void *arg)
{
    enum { CROWD = 30 };
    static struct crowd_end ends[CROWD];
    struct stream *servers[CROWD];
    struct pair p;
    struct scope scope;
    struct sim_path path = {
        .latency_ns = 100 * NS_PER_US, .rate_bps = 1000000000, .queue_bytes = 10000, .backpressure = true};
    (void)arg;
    CHECK(pair_start(&p, NULL, 0));
    scope_open(&scope, "readers");
    for (size_t i = 0; i < CROWD; i++) {
        CHECK(pair_connect(&p));
        AT(servers, i) = p.server;
        AT(ends, i).s = p.client;
        CHECK_OK(fiber_spawn(&scope, "reader", crowd_reads, &AT(ends, i)));
    }
    *sim_path(p.a_dev) = *sim_path(p.b_dev) = path;
    for (size_t i = 0; i < CROWD; i++) {
        CHECK_OK(pattern_write(AT(servers, i), 0, 14000, 4096, STREAM_COPY));
        stream_close(AT(servers, i));
    }
    CHECK_OK(scope_join(&scope, after_ms(1000)));
    for (size_t i = 0; i < CROWD; i++)
        CHECK(AT(ends, i).right);
    CHECK_EQ(stack_stats(p.a).tcp_retransmits, 0);
    pair_end(&p);
}

TEST(a_crowd_before_a_full_device)
{
    sim_run(3, crowd_before_a_full_device, NULL);
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

TESTS(CASE(a_crowd_before_a_full_device), CASE(a_full_device_is_waited_for),
      CASE(a_full_device_without_offloads))
