/* Many bytes both ways over every kind of path: each must arrive once, in order. */
#include "test/tcp_pair.h"

struct bulk {
    struct sim_path path;
    u32 features;
    u32 buffer_bytes;
    u64 bytes;
    size_t step;
    /* what came of it */
    bool quiet, lossless;
    u64 elapsed_ns, right, back, retransmits, timeouts;
    bool done;
};

struct flow {
    struct stream *stream;
    u64 bytes;
    size_t step;
    u64 got;
    enum err why;
};

static void sender(void *arg)
{
    struct flow *f = arg;
    if (pattern_write(f->stream, 0, f->bytes, f->step, STREAM_COPY) == OK && stream_finish(f->stream) == OK)
        f->got = f->bytes;
}

static void receiver(void *arg)
{
    struct flow *f = arg;
    f->got = pattern_read(f->stream, SIZE_MAX, 0, &f->why);
}

static void bulk_run(void *arg)
{
    struct bulk *b = arg;
    struct pair p;
    struct scope scope;
    struct stack_config ca = pair_config(1), cb = pair_config(2);
    ca.send_max_bytes = cb.send_max_bytes = ca.receive_max_bytes = cb.receive_max_bytes = b->buffer_bytes;
    CHECK(pair_start_with(&p, &b->path, b->features, ca, cb));
    u64 start = clock_mono_ns();
    CHECK(pair_connect(&p));
    struct flow up = {.stream = p.client, .bytes = b->bytes, .step = b->step};
    struct flow down = {.stream = p.server, .bytes = b->bytes / 4, .step = b->step};
    struct flow up_in = {.stream = p.server}, down_in = {.stream = p.client};
    scope_open(&scope, "bulk");
    CHECK_OK(fiber_spawn(&scope, "up", sender, &up));
    CHECK_OK(fiber_spawn(&scope, "down", sender, &down));
    CHECK_OK(fiber_spawn(&scope, "up in", receiver, &up_in));
    CHECK_OK(fiber_spawn(&scope, "down in", receiver, &down_in));
    CHECK_OK(scope_join(&scope, FOREVER));
    b->elapsed_ns = clock_mono_ns() - start;
    b->retransmits = stack_tcp(p.a)->retransmits + stack_tcp(p.b)->retransmits;
    b->timeouts = stack_tcp(p.a)->timeouts + stack_tcp(p.b)->timeouts;
    b->right = up_in.got;
    b->back = down_in.got;
    stream_close(p.client);
    stream_close(p.server);
    CHECK_EQ(up_in.why, ERR_EOF);
    CHECK_EQ(down_in.why, ERR_EOF);
    CHECK(!b->lossless || b->retransmits == 0);
    CHECK_EQ(b->right, b->bytes);
    CHECK_EQ(b->back, b->bytes / 4);
    CHECK_OK(fiber_sleep_ns(180 * NS_PER_S));
    CHECK(pair_clean(&p));
    b->done = true;
    pair_end(&p);
}

static bool bulk(struct bulk b)
{
    b.buffer_bytes = b.buffer_bytes ? b.buffer_bytes : 256 << 10;
    b.step = b.step ? b.step : 4096;
    sim_run(1, bulk_run, &b);
    if (b.done && !b.quiet)
        printf("# %llu bytes in %.3f s, %llu retransmissions, %llu timeouts\n", (unsigned long long)b.bytes,
               (double)b.elapsed_ns / 1e9, (unsigned long long)b.retransmits, (unsigned long long)b.timeouts);
    return b.done;
}

TEST(a_perfect_link_with_super_segments)
{
    CHECK(bulk((struct bulk){.features = SIM_FEATURES, .bytes = 4 << 20, .lossless = true}));
}

TEST(a_perfect_link_without_them)
{
    CHECK(bulk((struct bulk){.features = 0, .bytes = 1 << 20, .lossless = true}));
}

TEST(five_in_a_hundred_lost_and_reordered)
{
    CHECK(bulk((struct bulk){
        .features = SIM_FEATURES,
        .bytes = 1 << 20,
        .path = {.latency_ns = 10 * NS_PER_MS,
                 .real = true,
                 .loss_ppm = 50000,
                 .reorder_ppm = 50000,
                 .reorder_ns = 5 * NS_PER_MS},
    }));
}

/* Loss, delay, reordering and buffers, each with each; the features of the devices
 * and the size of writes change along. */
TEST(grid)
{
    static const u32 losses[] = {0, 10000, 50000}, delays_ms[] = {0, 20, 150}, reorders[] = {0, 50000};
    static const u32 buffers[] = {2 << 10, 16 << 10, 256 << 10};
    u32 cells = 0;
    for (size_t i = 0; i < 3 * 3 * 2 * 3; i++) {
        struct bulk b = {
            .path = {.latency_ns = AT(delays_ms, i / 3 % 3) * NS_PER_MS / 2,
                     .real = true,
                     .loss_ppm = AT(losses, i % 3),
                     .duplicate_ppm = AT(losses, i % 3) / 5,
                     .corrupt_ppm = AT(losses, i % 3) / 5,
                     .reorder_ppm = AT(reorders, i / 9 % 2),
                     .reorder_ns = 10 * NS_PER_MS},
            .buffer_bytes = AT(buffers, i / 18),
            .features = i % 2 ? SIM_FEATURES : 0,
            .step = i % 5 ? 4096 : 7,
            .bytes = AT(buffers, i / 18) * 2,
            .quiet = true,
        };
        if (!bulk(b)) {
            printf("# cell %zu: loss %u ppm, delay %u ms, reorder %u ppm, buffers %u\n", i, AT(losses, i % 3),
                   AT(delays_ms, i / 3 % 3), AT(reorders, i / 9 % 2), b.buffer_bytes);
            return;
        }
        cells++;
    }
    printf("# %u cells\n", cells);
}

TEST(a_narrow_link_with_a_short_queue)
{
    CHECK(bulk((struct bulk){
        .features = SIM_FEATURES,
        .bytes = 4 << 20,
        .path = {.latency_ns = 5 * NS_PER_MS, .real = true, .rate_bps = 20000000, .queue_bytes = 40000},
    }));
}

/* The device is full most of the time: nothing is dropped, only asked again. */
TEST(a_device_that_is_full)
{
    CHECK(bulk((struct bulk){
        .features = SIM_FEATURES,
        .lossless = true,
        .bytes = 2 << 20,
        .path = {.latency_ns = NS_PER_MS, .rate_bps = 100000000, .queue_bytes = 70000, .backpressure = true},
    }));
}

TEST(losses_in_bursts)
{
    CHECK(bulk((struct bulk){
        .features = SIM_FEATURES,
        .bytes = 1 << 20,
        .path = {.latency_ns = 20 * NS_PER_MS, .real = true, .loss_ppm = 20000, .loss_burst = 8},
    }));
}

TESTS(CASE(grid), CASE(a_narrow_link_with_a_short_queue), CASE(a_device_that_is_full), CASE(losses_in_bursts),
      CASE(a_perfect_link_with_super_segments), CASE(a_perfect_link_without_them),
      CASE(five_in_a_hundred_lost_and_reordered))
