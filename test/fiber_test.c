/* Fibers, scopes, channels and the loop, on virtual time. */
#include "fiber/chan.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "test/test.h"

/* Most scenarios write down in which order things happened. */
static char story[256];
static size_t story_n;

static void tell(char c)
{
    AT(story, story_n) = c;
    story_n++;
}

static bool story_is(const char *expected)
{
    if (strcmp(story, expected) != 0)
        printf("# the story is \"%s\", not \"%s\"\n", story, expected);
    return strcmp(story, expected) == 0;
}

static void run(void (*fn)(void *arg))
{
    memset(story, 0, sizeof story);
    story_n = 0;
    sim_run(1, fn, NULL);
}

static void tells(void *arg)
{
    tell(*(const char *)arg);
}

/* ---- running ----------------------------------------------------------------- */

static void spawner(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "a", tells, "a"), OK);
    CHECK_EQ(fiber_spawn(&s, "b", tells, "b"), OK);
    tell('-');
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    tell('.');
    CHECK_EQ(fibers_alive(), 1);
    CHECK_EQ(fibers_peak(), 3);
}

TEST(spawned_fibers_run_in_order_when_the_spawner_blocks)
{
    run(spawner);
    CHECK(story_is("-ab."));
}

static void yields(void *arg)
{
    for (int i = 0; i < 3; i++) {
        tell(*(const char *)arg);
        CHECK_EQ(fiber_yield(), OK);
    }
}

static void yielders(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "a", yields, "a"), OK);
    CHECK_EQ(fiber_spawn(&s, "b", yields, "b"), OK);
    CHECK_EQ(fiber_spawn(&s, "c", yields, "c"), OK);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
}

TEST(yield_lets_every_other_fiber_run_first)
{
    run(yielders);
    CHECK(story_is("abcabcabc"));
}

/* Registers, stack and frame must survive many switches. */
static void counts(void *arg)
{
    volatile u64 pattern[64];
    u64 seed = (u64)(uintptr_t)arg;
    for (size_t i = 0; i < COUNT(pattern); i++)
        AT(pattern, i) = seed * 1000 + i;
    for (int round = 0; round < 100; round++) {
        CHECK_EQ(fiber_yield(), OK);
        for (size_t i = 0; i < COUNT(pattern); i++)
            CHECK_EQ(AT(pattern, i), seed * 1000 + i);
    }
    story_n++;
}

static void many(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    for (u64 i = 0; i < 1000; i++)
        CHECK_EQ(fiber_spawn(&s, "counter", counts, (void *)(uintptr_t)i), OK);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    CHECK_EQ(fibers_peak(), 1001);
}

TEST(a_thousand_fibers_keep_their_stacks_apart)
{
    run(many);
    CHECK_EQ(story_n, 1000);
}

static void does_nothing(void *arg)
{
    (void)arg;
}

static void over_the_limit(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(fiber_spawn(&s, "a", does_nothing, NULL), OK);
    CHECK_EQ(fiber_spawn(&s, "a", does_nothing, NULL), ERR_LIMIT);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(fiber_spawn(&s, "a", does_nothing, NULL), OK);
        CHECK_EQ(scope_join(&s, FOREVER), OK);
    }
    CHECK_EQ(fibers_peak(), 4);
    tell('.');
}

TEST(at_the_limit_a_spawn_says_so_and_stacks_are_used_again)
{
    memset(story, 0, sizeof story);
    story_n = 0;
    sim_run_sized(1, (struct sim_size){.fibers = 4}, over_the_limit, NULL);
    CHECK(story_is("."));
}

/* ---- time --------------------------------------------------------------------- */

static void sleeper(void *arg)
{
    (void)arg;
    u64 before = loop_now();
    CHECK_EQ(fiber_sleep_ns(50 * NS_PER_MS), OK);
    u64 slept = loop_now() - before;
    CHECK(slept >= 50 * NS_PER_MS && slept <= 51 * NS_PER_MS + 1000);
    struct waiters w = {0};
    before = loop_now();
    CHECK_EQ(waiters_wait(&w, before + NS_PER_S), ERR_TIMEOUT);
    CHECK(!waiters_any(&w));
    slept = loop_now() - before;
    CHECK(slept >= NS_PER_S && slept <= NS_PER_S + NS_PER_MS + 1000);
    CHECK_EQ(waiters_wait(&w, loop_now()), ERR_TIMEOUT);
    CHECK_EQ(fiber_sleep_until(0), OK);
    tell('.');
}

TEST(a_sleep_lasts_at_least_as_long_as_asked_and_a_tick_more_at_most)
{
    run(sleeper);
    CHECK(story_is("."));
}

/* ---- waiting and cancelling ------------------------------------------------------ */

struct wait {
    struct waiters w;
    struct scope one, two;
    int items;
};

static void takes_item(struct wait *w, char name)
{
    while (w->items == 0) {
        enum err e = waiters_wait(&w->w, FOREVER);
        if (e != OK) {
            tell((char)(name - 32)); /* capital: cancelled */
            return;
        }
    }
    w->items--;
    tell(name);
}

static void takes_a(void *arg)
{
    takes_item(arg, 'a');
}

static void takes_b(void *arg)
{
    takes_item(arg, 'b');
}

static void wake_then_cancel(void *arg)
{
    (void)arg;
    struct wait w = {0};
    scope_open(&w.one, "one");
    scope_open(&w.two, "two");
    CHECK_EQ(fiber_spawn(&w.one, "a", takes_a, &w), OK);
    CHECK_EQ(fiber_spawn(&w.two, "b", takes_b, &w), OK);
    CHECK_EQ(fiber_yield(), OK);
    /* a was told of the item before it was cancelled: it takes it. */
    w.items = 1;
    CHECK(waiters_wake_one(&w.w));
    scope_cancel(&w.one);
    CHECK_EQ(fiber_yield(), OK);
    CHECK_EQ(w.items, 0);
    scope_leave(&w.one);
    scope_leave(&w.two);
}

TEST(a_wake_up_is_not_lost_to_a_cancellation_that_comes_after_it)
{
    run(wake_then_cancel);
    CHECK(story_is("aB"));
}

static void cancel_then_wake(void *arg)
{
    (void)arg;
    struct wait w = {0};
    scope_open(&w.one, "one");
    scope_open(&w.two, "two");
    CHECK_EQ(fiber_spawn(&w.one, "a", takes_a, &w), OK);
    CHECK_EQ(fiber_spawn(&w.two, "b", takes_b, &w), OK);
    CHECK_EQ(fiber_yield(), OK);
    scope_cancel(&w.one);
    w.items = 1;
    CHECK(waiters_wake_one(&w.w));
    CHECK_EQ(fiber_yield(), OK);
    CHECK_EQ(w.items, 0);
    scope_leave(&w.one);
    scope_leave(&w.two);
}

TEST(a_wake_up_goes_past_a_cancelled_waiter)
{
    run(cancel_then_wake);
    CHECK(story_is("Ab"));
}

static void waits_for_ever(void *arg)
{
    struct waiters w = {0};
    enum err e = waiters_wait(&w, FOREVER);
    tell(e == ERR_CANCELED ? *(const char *)arg : '?');
    CHECK_EQ(waiters_wait(&w, FOREVER), ERR_CANCELED);
    CHECK_EQ(fiber_yield(), ERR_CANCELED);
    CHECK_EQ(fiber_sleep_ns(1), ERR_CANCELED);
    CHECK(fiber_canceled());
}

static void nests(void *arg)
{
    (void)arg;
    struct scope inner;
    scope_open(&inner, "inner");
    CHECK_EQ(fiber_spawn(&inner, "i", waits_for_ever, "i"), OK);
    CHECK_EQ(fiber_spawn(&inner, "j", waits_for_ever, "j"), OK);
    /* Cancelled from outside while it joins: it leaves its own scope on the way out. */
    tell(scope_join(&inner, FOREVER) == ERR_CANCELED ? 'n' : '?');
    scope_leave(&inner);
    tell('N');
}

static void nested(void *arg)
{
    (void)arg;
    struct scope outer;
    scope_open(&outer, "outer");
    CHECK_EQ(fiber_spawn(&outer, "nests", nests, NULL), OK);
    CHECK_EQ(fiber_sleep_ns(NS_PER_MS), OK);
    CHECK_EQ(fibers_alive(), 4);
    scope_leave(&outer);
    tell('.');
    CHECK_EQ(fibers_alive(), 1);
    CHECK_EQ(fiber_spawn(&outer, "late", tells, "x"), ERR_CANCELED);
    scope_leave(&outer);
}

TEST(leaving_a_scope_ends_everything_below_it)
{
    run(nested);
    CHECK(story_is("nijN."));
}

static void slow_to_end(void *arg)
{
    waits_for_ever(arg);
    /* Its own work on the way out may take turns: a scope of its own still works. */
    struct scope own;
    scope_open(&own, "own");
    CHECK_EQ(fiber_spawn(&own, "t", tells, "t"), OK);
    scope_leave(&own);
    tell('s');
}

static void left_while_leaving(void *arg)
{
    struct scope inner;
    scope_open(&inner, "inner");
    CHECK_EQ(fiber_spawn(&inner, "slow", slow_to_end, "w"), OK);
    CHECK_EQ(fiber_yield(), OK);
    scope_leave(&inner); /* goes on to its end though its own scope is cancelled meanwhile */
    tell(*(const char *)arg);
}

static void cancel_a_leaver(void *arg)
{
    (void)arg;
    struct scope outer;
    scope_open(&outer, "outer");
    CHECK_EQ(fiber_spawn(&outer, "leaver", left_while_leaving, "l"), OK);
    CHECK_EQ(fiber_yield(), OK);
    CHECK_EQ(fiber_yield(), OK);
    scope_leave(&outer);
    tell('.');
}

TEST(scope_leave_is_not_cancelable)
{
    run(cancel_a_leaver);
    CHECK(story_is("wtsl."));
}

static void join_deadline(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "w", waits_for_ever, "w"), OK);
    CHECK_EQ(scope_join(&s, loop_now() + NS_PER_S), ERR_TIMEOUT);
    scope_leave(&s);
    tell('.');
}

TEST(a_join_has_a_deadline)
{
    run(join_deadline);
    CHECK(story_is("w."));
}

static void cancels_itself(void *arg)
{
    struct scope *s = arg;
    scope_cancel(s);
    CHECK_EQ(fiber_yield(), ERR_CANCELED);
    tell('c');
}

static void self_cancel(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "test");
    CHECK_EQ(fiber_spawn(&s, "c", cancels_itself, &s), OK);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    tell('.');
}

TEST(a_fiber_may_cancel_its_own_scope)
{
    run(self_cancel);
    CHECK(story_is("c."));
}

/* ---- channels ----------------------------------------------------------------------- */

struct flow {
    struct chan c;
    u64 sent, received;
};

static void produce(void *arg)
{
    struct flow *f = arg;
    for (u64 i = 1; i <= 1000; i++) {
        CHECK_EQ(chan_send(&f->c, VIEW_OF(i), FOREVER), OK);
        f->sent += i;
    }
}

static void consume(void *arg)
{
    struct flow *f = arg;
    u64 x = 0;
    enum err e;
    while ((e = chan_recv(&f->c, SPAN_OF(x), FOREVER)) == OK)
        f->received += x;
    CHECK_EQ(e, ERR_CLOSED);
}

static void flows(void *arg)
{
    (void)arg;
    struct flow f = {0};
    CHECK_EQ(chan_init(&f.c, sim_arena(), 7, sizeof(u64)), OK);
    struct scope producers, consumers;
    scope_open(&producers, "producers");
    scope_open(&consumers, "consumers");
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(fiber_spawn(&producers, "p", produce, &f), OK);
        CHECK_EQ(fiber_spawn(&consumers, "c", consume, &f), OK);
    }
    CHECK_EQ(scope_join(&producers, FOREVER), OK);
    chan_close(&f.c);
    u64 x = 0;
    CHECK_EQ(chan_send(&f.c, VIEW_OF(x), FOREVER), ERR_CLOSED);
    CHECK_EQ(scope_join(&consumers, FOREVER), OK);
    CHECK_EQ(f.sent, 5 * 500500);
    CHECK_EQ(f.received, f.sent);
    tell('.');
}

TEST(a_channel_carries_everything_between_many)
{
    run(flows);
    CHECK(story_is("."));
}

static void full_and_empty(void *arg)
{
    (void)arg;
    struct chan c;
    u32 x = 7, y = 0;
    CHECK_EQ(chan_init(&c, sim_arena(), 1, sizeof x), OK);
    CHECK_EQ(chan_recv(&c, SPAN_OF(y), loop_now() + NS_PER_MS), ERR_TIMEOUT);
    CHECK_EQ(chan_send(&c, VIEW_OF(x), 0), OK);
    CHECK_EQ(chan_send(&c, VIEW_OF(x), loop_now() + NS_PER_MS), ERR_TIMEOUT);
    chan_close(&c);
    CHECK_EQ(chan_recv(&c, SPAN_OF(y), 0), OK);
    CHECK_EQ(y, 7);
    CHECK_EQ(chan_recv(&c, SPAN_OF(y), 0), ERR_CLOSED);
    tell('.');
}

TEST(a_channel_has_deadlines_and_ends_after_its_last_element)
{
    run(full_and_empty);
    CHECK(story_is("."));
}

/* Tokens go round between channels, carried by fibers that are cancelled at random and
 * replaced. None may be lost, and as long as a token is somewhere, somebody must get
 * on: a lost wake-up would end in the simulator's deadlock. */
enum { PLACES = 3, CARRIERS = 12, TOKENS = 7, ROUNDS = 3000 };

struct round {
    struct chan places[PLACES];
    struct scope scopes[CARRIERS];
    u64 dropped, carried;
};

static void carries(void *arg)
{
    struct round *r = arg;
    u64 token;
    for (;;) {
        struct chan *from = &AT(r->places, random_below(sim_random(), PLACES));
        struct chan *to = &AT(r->places, random_below(sim_random(), PLACES));
        u64 deadline = random_below(sim_random(), 2) ? FOREVER : loop_now() + NS_PER_MS;
        enum err e = chan_recv(from, SPAN_OF(token), deadline);
        if (e == ERR_CANCELED)
            return;
        if (e == ERR_TIMEOUT)
            continue;
        if (random_below(sim_random(), 3) == 0)
            e = fiber_sleep_ns(random_below(sim_random(), 3 * NS_PER_MS));
        while (e == OK || e == ERR_TIMEOUT) {
            e = chan_send(to, VIEW_OF(token), loop_now() + NS_PER_MS);
            if (e == OK)
                break;
        }
        if (e != OK) {
            r->dropped++; /* cancelled with a token in hand */
            return;
        }
        r->carried++;
    }
}

static void rounds(void *arg)
{
    (void)arg;
    struct round r = {0};
    for (size_t i = 0; i < PLACES; i++)
        CHECK_EQ(chan_init(&AT(r.places, i), sim_arena(), 1 + i * 2, sizeof(u64)), OK);
    for (size_t i = 0; i < CARRIERS; i++) {
        scope_open(&AT(r.scopes, i), "carrier");
        CHECK_EQ(fiber_spawn(&AT(r.scopes, i), "carrier", carries, &r), OK);
    }
    for (u64 i = 0; i < TOKENS; i++)
        CHECK_EQ(chan_send(&r.places[PLACES - 1], VIEW_OF(i), FOREVER), OK);
    for (int i = 0; i < ROUNDS; i++) {
        struct scope *s = &AT(r.scopes, random_below(sim_random(), CARRIERS));
        if (random_below(sim_random(), 2))
            scope_cancel(s);
        CHECK_EQ(fiber_sleep_ns(random_below(sim_random(), NS_PER_MS)), OK);
        scope_leave(s);
        while (r.dropped > 0 && chan_send(&r.places[0], VIEW_OF(r.dropped), 0) == OK)
            r.dropped--;
        scope_open(s, "carrier");
        CHECK_EQ(fiber_spawn(s, "carrier", carries, &r), OK);
    }
    for (size_t i = 0; i < CARRIERS; i++)
        scope_leave(&AT(r.scopes, i));
    CHECK_EQ(r.dropped + r.places[0].count + r.places[1].count + r.places[2].count, TOKENS);
    CHECK(r.carried > ROUNDS);
    CHECK_EQ(fibers_alive(), 1);
    tell('.');
}

TEST(nothing_is_lost_among_fibers_that_are_cancelled_at_random)
{
    for (u64 seed = 1; seed <= 20; seed++) {
        memset(story, 0, sizeof story);
        story_n = 0;
        sim_run(seed, rounds, NULL);
        CHECK(story_is("."));
    }
}

/* ---- the loop ------------------------------------------------------------------------- */

struct source {
    struct loop_source s;
    struct waiters input;
    int taken, settled, sent;
    bool pending;
};

static bool source_take(struct loop_source *s, u64 now)
{
    (void)now;
    struct source *me = CONTAINER(s, struct source, s);
    tell('t');
    me->taken++;
    bool had = me->pending;
    me->pending = false;
    if (had)
        waiters_wake_one(&me->input);
    return had;
}

static void source_settle(struct loop_source *s)
{
    CONTAINER(s, struct source, s)->settled++;
    tell('e');
}

static bool source_send(struct loop_source *s, u64 now)
{
    (void)now;
    CONTAINER(s, struct source, s)->sent++;
    tell('s');
    return false;
}

static void one_turn(void *arg)
{
    (void)arg;
    struct source src = {.s = {.take = source_take, .settle = source_settle, .send = source_send}};
    src.pending = true;
    loop_add(&src.s);
    CHECK_EQ(waiters_wait(&src.input, loop_now() + NS_PER_MS), OK);
    tell('f');
    CHECK_EQ(fiber_sleep_ns(NS_PER_MS), OK);
    tell('.');
    loop_remove(&src.s);
}

TEST(an_answer_leaves_in_the_turn_of_its_question)
{
    run(one_turn);
    /* The turn in which the source was added; take, fiber, settle, send; an empty turn
     * before the sleep; take, and the fiber wakes by its timer. */
    CHECK(story_is("estfestest."));
}

static bool stop_yielding;

static void yields_for_ever(void *arg)
{
    (void)arg;
    while (!stop_yielding)
        CHECK_EQ(fiber_yield(), OK);
}

static bool count_take(struct loop_source *s, u64 now)
{
    (void)now;
    CONTAINER(s, struct source, s)->taken++;
    return false;
}

static void no_settle(struct loop_source *s)
{
    (void)s;
}

static bool no_send(struct loop_source *s, u64 now)
{
    (void)s;
    (void)now;
    return false;
}

static void starve(void *arg)
{
    (void)arg;
    struct source src = {.s = {.take = count_take, .settle = no_settle, .send = no_send}};
    struct scope s;
    scope_open(&s, "test");
    loop_add(&src.s);
    stop_yielding = false;
    CHECK_EQ(fiber_spawn(&s, "y", yields_for_ever, NULL), OK);
    CHECK_EQ(fiber_sleep_ns(5 * NS_PER_MS), OK);
    CHECK(src.taken > 100);
    sim_stop();
    CHECK_EQ(loop_wait_stop(loop_now() + 100 * NS_PER_MS), OK);
    CHECK(loop_stopping());
    stop_yielding = true;
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    loop_remove(&src.s);
    tell('.');
}

TEST(a_fiber_that_never_sleeps_starves_neither_devices_nor_timers_nor_the_stop)
{
    run(starve);
    CHECK(story_is("."));
}

static void stop_asked(void *arg)
{
    (void)arg;
    CHECK_EQ(loop_wait_stop(loop_now() + NS_PER_MS), ERR_TIMEOUT);
    CHECK(!loop_stopping());
    sim_stop();
    CHECK_EQ(loop_wait_stop(FOREVER), OK);
    CHECK_EQ(loop_wait_stop(FOREVER), OK);
    tell('.');
}

TEST(a_stop_is_seen_once_and_stays)
{
    run(stop_asked);
    CHECK(story_is("."));
}

/* ---- reports ------------------------------------------------------------------------------ */

extern struct fiber_report *fiber_current;

static void reported(void *arg)
{
    (void)arg;
    CHECK_EQ(fiber_current->magic, FIBER_REPORT_MAGIC);
    CHECK(strcmp(fiber_current->name, "worker") == 0);
    CHECK(strcmp(fiber_current->scope->name, "requests") == 0);
    CHECK(strcmp(fiber_current->scope->parent->name, "image") == 0);
    CHECK(!fiber_current->scope->parent->parent);
    u64 here = (u64)(uintptr_t)__builtin_frame_address(0);
    CHECK(here > fiber_current->stack_low && here < fiber_current->stack_high);
    /* The frame pointers lead to the bottom of this stack, and end there. */
    const u64 *frame = __builtin_frame_address(0);
    int depth = 0;
    for (; frame; frame = (const u64 *)(uintptr_t)frame[0]) {
        CHECK((u64)(uintptr_t)frame >= here && (u64)(uintptr_t)frame < fiber_current->stack_high);
        depth++;
    }
    CHECK(depth >= 2 && depth <= 4);
    tell('.');
}

static void reports(void *arg)
{
    (void)arg;
    struct scope s;
    scope_open(&s, "requests");
    CHECK_EQ(fiber_spawn(&s, "worker", reported, NULL), OK);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
}

TEST(a_host_finds_the_running_fiber_and_its_scopes)
{
    run(reports);
    CHECK(story_is("."));
    CHECK(!fiber_current);
}

TESTS(CASE(spawned_fibers_run_in_order_when_the_spawner_blocks), CASE(yield_lets_every_other_fiber_run_first),
      CASE(a_thousand_fibers_keep_their_stacks_apart),
      CASE(at_the_limit_a_spawn_says_so_and_stacks_are_used_again),
      CASE(a_sleep_lasts_at_least_as_long_as_asked_and_a_tick_more_at_most),
      CASE(a_wake_up_is_not_lost_to_a_cancellation_that_comes_after_it),
      CASE(a_wake_up_goes_past_a_cancelled_waiter), CASE(leaving_a_scope_ends_everything_below_it),
      CASE(scope_leave_is_not_cancelable), CASE(a_join_has_a_deadline),
      CASE(a_fiber_may_cancel_its_own_scope), CASE(a_channel_carries_everything_between_many),
      CASE(a_channel_has_deadlines_and_ends_after_its_last_element),
      CASE(nothing_is_lost_among_fibers_that_are_cancelled_at_random),
      CASE(an_answer_leaves_in_the_turn_of_its_question),
      CASE(a_fiber_that_never_sleeps_starves_neither_devices_nor_timers_nor_the_stop),
      CASE(a_stop_is_seen_once_and_stays), CASE(a_host_finds_the_running_fiber_and_its_scopes))
