/* The simulated world itself: its clocks, chance, console, devices and seeds. */
#include <stdlib.h>

#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/entropy.h"
#include "test/test.h"

static bool done;

static void run(u64 seed, void (*fn)(void *arg), void *arg)
{
    done = false;
    sim_run(seed, fn, arg);
}

static void clocks(void *arg)
{
    (void)arg;
    u64 mono = clock_mono_ns(), wall = clock_wall_ns();
    CHECK_EQ(wall / NS_PER_S, 1767225600);
    CHECK_EQ(fiber_sleep_ns(3600 * NS_PER_S), OK);
    CHECK_EQ((clock_wall_ns() - wall) / NS_PER_S, 3600);
    sim_set_wall(1000 * NS_PER_S);
    CHECK_EQ(clock_wall_ns() / NS_PER_S, 1000);
    CHECK_EQ((clock_mono_ns() - mono) / NS_PER_S, 3600);
    done = true;
}

TEST(an_hour_passes_at_once_and_the_wall_clock_may_jump)
{
    run(1, clocks, NULL);
    CHECK(done);
}

static void asks_seed(void *arg)
{
    u64 *out = arg;
    out[0] = sim_seed();
    out[1] = entropy_u64();
    CHECK(fiber_sleep_ns(NS_PER_S) == OK);
    console_write(VIEW("a line\n"));
    CHECK(view_eq(sim_console(), VIEW("a line\n")));
    CHECK_EQ(fibers_peak(), 1);
}

TEST(worlds_follow_each_other_and_the_environment_may_replay_one)
{
    u64 first[2], again[2], other[2], replayed[2];
    run(7, asks_seed, first);
    run(7, asks_seed, again);
    run(8, asks_seed, other);
    setenv("SIM_SEED", "7", 1);
    run(8, asks_seed, replayed);
    unsetenv("SIM_SEED");
    CHECK_EQ(first[0], 7);
    CHECK_EQ(first[1], again[1]);
    CHECK(first[1] != other[1]);
    CHECK_EQ(replayed[0], 7);
    CHECK_EQ(replayed[1], first[1]);
}

/* ---- a device as a source of the loop ------------------------------------------------ */

struct pump {
    struct loop_source source;
    struct net_dev *dev;
    u32 left, refused, received;
    struct waiters done;
};

static bool pump_take(struct loop_source *s, u64 now)
{
    (void)now;
    struct pump *p = CONTAINER(s, struct pump, source);
    struct net_rx burst[8];
    size_t n = net_rx(p->dev, (struct net_rx_burst){burst, COUNT(burst)});
    p->received += (u32)n;
    return n > 0;
}

static void pump_settle(struct loop_source *s)
{
    (void)s;
}

static bool pump_send(struct loop_source *s, u64 now)
{
    (void)now;
    struct pump *p = CONTAINER(s, struct pump, source);
    static const u8 frame[1000] = {0x02, 0, 0, 0, 0, 2};
    struct view part = VIEW_OF(frame);
    struct net_tx one = {.parts = {&part, 1}};
    while (p->left > 0 && net_tx(p->dev, (struct net_tx_burst){&one, 1}) == 1)
        p->left--;
    p->refused += p->left > 0;
    if (p->left == 0)
        waiters_wake_all(&p->done);
    return p->left > 0;
}

static void pumps(void *arg)
{
    (void)arg;
    struct sim_path path = {.rate_bps = 8000000, .queue_bytes = 5000, .backpressure = true};
    struct sim_link *l = sim_link_new(&path);
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0);
    struct pump p = {.source = {.bit = 1ull << a->index}, .dev = a, .left = 100};
    struct pump q = {.source = {.bit = 1ull << b->index}, .dev = b};
    p.source.take = q.source.take = pump_take;
    p.source.settle = q.source.settle = pump_settle;
    p.source.send = q.source.send = pump_send;
    u64 before = loop_now();
    loop_add(&p.source);
    loop_add(&q.source);
    CHECK_EQ(waiters_wait(&p.done, FOREVER), OK);
    CHECK_EQ(fiber_sleep_ns(100 * NS_PER_MS), OK);
    CHECK_EQ(q.received, 100);
    CHECK(p.refused >= 15 && p.refused <= 300);
    CHECK_EQ(sim_counts(a).overflowed, 0);
    u64 took = loop_now() - before;
    CHECK(took >= 195 * NS_PER_MS && took < 210 * NS_PER_MS);
    loop_remove(&p.source);
    loop_remove(&q.source);
    done = true;
}

TEST(a_full_device_says_so_and_is_reported_writable_again)
{
    run(1, pumps, NULL);
    CHECK(done);
}

TESTS(CASE(an_hour_passes_at_once_and_the_wall_clock_may_jump),
      CASE(worlds_follow_each_other_and_the_environment_may_replay_one),
      CASE(a_full_device_says_so_and_is_reported_writable_again))
