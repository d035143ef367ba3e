/* The timer wheel against a plain list, over spans from a millisecond to years. */
#include "base/num.h"
#include "base/random.h"
#include "fiber/internal.h"
#include "fiber/timer.h"
#include "test/test.h"

/* The wheel alone, driven by hand: no loop, no clock. */
static u64 now;

static void begin(u64 at)
{
    now = at;
    scheduler_reset(at);
}

struct item {
    struct timer t;
    u64 fired_at;
    u32 fired;
    struct item *stops, *sets;
    u64 sets_to;
};

static void fired(struct timer *t, u64 at)
{
    struct item *i = CONTAINER(t, struct item, t);
    i->fired++;
    i->fired_at = at;
    if (i->stops)
        timer_stop(&i->stops->t);
    if (i->sets)
        timer_set(&i->sets->t, i->sets_to);
}

/* What the loop does: sleeps until timers_next, or less. */
static void pass_until(u64 end)
{
    while (now < end) {
        u64 next = timers_next();
        now = MIN(MAX(next, now), end);
        timers_run(now);
    }
}

TEST(a_timer_fires_never_early_and_at_most_a_tick_late)
{
    static const u64 ahead[] = {
        1,
        NS_PER_US,
        NS_PER_MS - 1,
        NS_PER_MS,
        NS_PER_MS + 1,
        63 * NS_PER_MS,
        64 * NS_PER_MS,
        65 * NS_PER_MS,
        255 * NS_PER_MS,
        4095 * NS_PER_MS,
        4096 * NS_PER_MS,
        4097 * NS_PER_MS,
        262144 * NS_PER_MS,
        3600 * NS_PER_S,
        86400 * NS_PER_S,
        366 * 86400 * NS_PER_S,
        5000 * (86400 * NS_PER_S),
    };
    static const u64 starts[] = {
        0, 1, 999999, 63 * NS_PER_MS, 4095 * NS_PER_MS + 17, 262143 * NS_PER_MS, 1ull << 60};
    for (size_t s = 0; s < COUNT(starts); s++)
        for (size_t i = 0; i < COUNT(ahead); i++) {
            begin(AT(starts, s));
            struct item x = {.t.fire = fired};
            u64 when = now + AT(ahead, i);
            timer_set(&x.t, when);
            CHECK(timer_armed(&x.t));
            CHECK(timers_next() <= when + NS_PER_MS);
            pass_until(when - 1);
            CHECK_EQ(x.fired, 0);
            pass_until(when + 2 * NS_PER_MS);
            CHECK_EQ(x.fired, 1);
            CHECK(x.fired_at >= when && x.fired_at <= when + NS_PER_MS);
            CHECK(!timer_armed(&x.t));
            CHECK_EQ(timers_next(), FOREVER);
        }
}

TEST(few_wake_ups_even_for_a_timer_far_ahead)
{
    begin(12345678);
    struct item x = {.t.fire = fired};
    timer_set(&x.t, now + 30 * 86400 * NS_PER_S);
    u32 wakes = 0;
    for (; x.fired == 0; wakes++) {
        now = MAX(now, timers_next());
        timers_run(now);
    }
    CHECK(wakes <= WHEEL_LEVELS);
}

TEST(a_timer_set_for_the_past_fires_in_the_next_turn)
{
    begin(NS_PER_S);
    struct item x = {.t.fire = fired};
    timer_set(&x.t, 0);
    CHECK_EQ(timers_next(), 0);
    timers_run(now);
    CHECK_EQ(x.fired, 1);
    timer_set(&x.t, FOREVER);
    CHECK(!timer_armed(&x.t));
    CHECK_EQ(timers_next(), FOREVER);
}

TEST(timers_may_stop_and_set_each_other_while_they_fire)
{
    begin(NS_PER_S);
    struct item b = {.t.fire = fired}, c = {.t.fire = fired};
    struct item a = {.t.fire = fired, .stops = &b, .sets = &c, .sets_to = 0};
    struct item self = {.t.fire = fired};
    self.sets = &self;
    u64 when = now + 5 * NS_PER_MS;
    timer_set(&a.t, when);
    timer_set(&b.t, when);
    timer_set(&self.t, when);
    timers_run(now = when + NS_PER_MS);
    CHECK_EQ(a.fired, 1);
    CHECK_EQ(b.fired, 0);
    CHECK_EQ(c.fired, 0); /* armed for now while others fired: the next turn's */
    CHECK_EQ(self.fired, 1);
    timers_run(now);
    CHECK_EQ(c.fired, 1);
    CHECK_EQ(self.fired, 2);
    timer_stop(&self.t);
    timer_stop(&self.t);
    CHECK_EQ(timers_next(), FOREVER);
}

/* Sets, moves and stops thousands at random, and compares with the plain truth. */
TEST(a_long_random_life)
{
    enum { N = 500, STEPS = 20000 };
    static struct item items[N];
    static u64 due[N]; /* FOREVER: not armed */
    u64 seed = 20261101;
    printf("# seed %llu\n", (unsigned long long)seed);
    struct random r;
    random_seed(&r, seed);
    begin(random_below(&r, 1ull << 50));
    memset(items, 0, sizeof items);
    for (size_t i = 0; i < N; i++) {
        items[i].t.fire = fired;
        due[i] = FOREVER;
    }
    for (int step = 0; step < STEPS; step++) {
        size_t i = random_below(&r, N);
        u64 ahead = random_below(&r, 1ull << (10 + random_below(&r, 40)));
        due[i] = random_below(&r, 4) == 0 ? FOREVER : now + ahead;
        timer_set(&items[i].t, due[i]);
        items[i].fired = 0;
        now += random_below(&r, 1ull << (5 + random_below(&r, 32)));
        timers_run(now);
        u64 earliest = FOREVER;
        for (size_t j = 0; j < N; j++) {
            if (items[j].fired) {
                CHECK_EQ(items[j].fired, 1);
                CHECK(due[j] <= items[j].fired_at);
                items[j].fired = 0;
                due[j] = FOREVER;
            }
            CHECK(due[j] == FOREVER || due[j] + NS_PER_MS > now);
            CHECK_EQ(timer_armed(&items[j].t), due[j] != FOREVER);
            earliest = MIN(earliest, due[j]);
        }
        CHECK(earliest == FOREVER || timers_next() < earliest + NS_PER_MS);
    }
}

TESTS(CASE(a_timer_fires_never_early_and_at_most_a_tick_late), CASE(few_wake_ups_even_for_a_timer_far_ahead),
      CASE(a_timer_set_for_the_past_fires_in_the_next_turn),
      CASE(timers_may_stop_and_set_each_other_while_they_fire), CASE(a_long_random_life))
