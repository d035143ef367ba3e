/* What lives how long: scopes and the blocks they are in, fibers' stacks and arguments. */
#include "base/released.h"
#include "fiber/fiber.h"
#include "host/sim/sim.h"
#include "test/test.h"
#include "test/trap.h"

/* In which order things happened. */
static char story[16];
static size_t story_n;

static void tell(char c)
{
    AT(story, story_n) = c;
    story_n++;
}

static bool story_of(void (*fn)(void *arg), const char *expected)
{
    memset(story, 0, sizeof story);
    story_n = 0;
    sim_run(1, fn, NULL);
    return strcmp(story, expected) == 0;
}

static u8 *frame_of_the_last;

static void works_on(void *arg)
{
    u32 *turns = arg;
    u64 here[4] = {0};
    frame_of_the_last = (u8 *)here;
    tell('w');
    while (fiber_yield() == OK)
        ++*turns;
    tell('e');
}

static enum err leaves_early(void)
{
    u32 turns = 0;
    SCOPE(workers, "workers");
    TRY(fiber_spawn(&workers, "worker", works_on, &turns));
    TRY(fiber_yield());
    return ERR_INVALID;
}

static void return_early(void *arg)
{
    (void)arg;
    CHECK_EQ(leaves_early(), ERR_INVALID);
    tell('.');
    CHECK_EQ(fibers_alive(), 1);
}

TEST(a_block_that_is_left_ends_its_scope_first)
{
    CHECK(story_of(return_early, "we."));
}

static void look_at_a_stack_that_ended(void *arg)
{
    return_early(arg);
    /* Below the scheduler's own frames, which ran on that stack last. */
    struct view stack = {frame_of_the_last - 1024, 1024 - 256};
    CHECK(still_released(stack));
    tell('!');
}

TEST(the_stack_of_a_fiber_that_ended_is_marked)
{
    CHECK(story_of(look_at_a_stack_that_ended, "we.!"));
}

static struct scope *outer_scope;

static void spawns_with_its_own_variable(void)
{
    u32 mine = 0;
    (void)!fiber_spawn(outer_scope, "worker", works_on, &mine);
}

static void spawn_with_variables(void *arg)
{
    static u32 for_ever;
    u32 mine = 0;
    SCOPE(outer, "outer");
    outer_scope = &outer;
    CHECK_EQ(trap_of(spawns_with_its_own_variable), TRAP_LIVES);
    CHECK_EQ(fiber_spawn(&outer, "worker", works_on, &mine), OK);
    CHECK_EQ(fiber_spawn(&outer, "worker", works_on, &for_ever), OK);
    CHECK_EQ(fiber_spawn(&outer, "worker", works_on, arg), OK);
    CHECK_EQ(fiber_yield(), OK);
}

static void spawn_from_a_frame_above(void *arg)
{
    u32 turns = 0;
    (void)arg;
    spawn_with_variables(&turns);
}

TEST(what_a_fiber_is_given_must_live_as_long_as_its_scope)
{
    CHECK(story_of(spawn_from_a_frame_above, "wwweee"));
}

TESTS(CASE(a_block_that_is_left_ends_its_scope_first), CASE(the_stack_of_a_fiber_that_ended_is_marked),
      CASE(what_a_fiber_is_given_must_live_as_long_as_its_scope))
