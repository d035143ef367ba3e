/* From struct boot to appliance_main and out again, in a process of its own each
 * time: an image starts once and ends with its process. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fiber/appliance.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "test/test.h"

APPLIANCE(.name = "sample", .about = "is started by boot_test", .mem_kib = 1024, .stack_kib = 16,
          .fibers = 3);

static enum err (*body)(struct scope *root);

enum err appliance_main(struct scope *root)
{
    return body(root);
}

static struct boot_key keys[] = {
    {VIEW("port"), VIEW("8080")},    {VIEW("limit"), VIEW("16k")},
    {VIEW("log"), VIEW("true")},     {VIEW("quiet"), VIEW("false")},
    {VIEW("idle"), VIEW("90s")},     {VIEW("name"), VIEW("")},
    {VIEW("bad-flag"), VIEW("yes")}, {VIEW("bad-time"), VIEW("9")},
    {VIEW("bad-number"), VIEW("x")}, {VIEW("long-time"), VIEW("99999999999h")},
};

static char printed[1000];

/* Starts the appliance with `main` in `memory_n` bytes; answers its exit code, or
 * minus the signal that ended it. */
static int boot(enum err (*main)(struct scope *root), size_t memory_n)
{
    int out[2];
    if (pipe(out) != 0)
        return -1000;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        void *memory = mmap(NULL, memory_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct net_dev dev = {.mtu = 1500}, *nets[] = {NULL, &dev};
        struct boot b = {
            .memory = {memory, memory_n},
            .bundle = VIEW("bundle"),
            .keys = {keys, COUNT(keys)},
            .nets = {nets, COUNT(nets)},
        };
        sim_console_show(true);
        body = main;
        image_main(&b);
    }
    close(out[1]);
    size_t n = 0;
    for (ssize_t got;
         n < sizeof printed - 1 && (got = read(out[0], printed + n, sizeof printed - 1 - n)) > 0;)
        n += (size_t)got;
    printed[n] = 0;
    close(out[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static enum err says(struct scope *root)
{
    bool named = strcmp(root->report.name, "sample") == 0;
    say(named ? "sample: hello" : "sample: nameless");
    say_err("sample: looked", ERR_NOT_FOUND);
    return OK;
}

TEST(an_appliance_says_a_line_and_ends_well)
{
    CHECK_EQ(boot(says, 1 << 20), 0);
    CHECK(strcmp(printed, "sample: hello\nsample: looked: not found\n") == 0);
}

static enum err says_much(struct scope *root)
{
    (void)root;
    char text[601];
    memset(text, 'x', 600);
    text[600] = 0;
    say(text);
    return OK;
}

TEST(a_long_line_is_said_whole)
{
    CHECK_EQ(boot(says_much, 1 << 20), 0);
    CHECK_EQ(strlen(printed), 601);
    CHECK_EQ(strspn(printed, "x"), 600);
}

static enum err fails(struct scope *root)
{
    (void)root;
    return ERR_EXISTS;
}

TEST(what_main_returns_is_said_and_is_the_exit_code)
{
    CHECK_EQ(boot(fails, 1 << 20), 1);
    CHECK(strncmp(printed, "sample: ", 8) == 0 && strlen(printed) > 10);
}

static enum err asks(struct scope *root)
{
    (void)root;
    bool right = key_number("port") == 8080 && key_number("limit") == 16384 && key_flag("log") &&
                 !key_flag("quiet") && key_duration_ns("idle") == 90 * NS_PER_S && key_text("name").n == 0 &&
                 view_eq(boot_bundle(), VIEW("bundle")) && !boot_net(0) && boot_net(1)->mtu == 1500 &&
                 !boot_net(2) && NEW(boot_arena(), u64);
    return right ? OK : ERR_INVALID;
}

TEST(keys_bundle_devices_and_memory_are_as_given)
{
    CHECK_EQ(boot(asks, 1 << 20), 0);
}

static enum err asks_bad_flag(struct scope *root)
{
    (void)root;
    return key_flag("bad-flag") ? OK : ERR_INVALID;
}

static enum err asks_bad_time(struct scope *root)
{
    (void)root;
    return key_duration_ns("bad-time") ? OK : ERR_INVALID;
}

static enum err asks_long_time(struct scope *root)
{
    (void)root;
    return key_duration_ns("long-time") ? OK : ERR_INVALID;
}

static enum err asks_bad_number(struct scope *root)
{
    (void)root;
    return key_number("bad-number") ? OK : ERR_INVALID;
}

static enum err asks_unknown(struct scope *root)
{
    (void)root;
    return key_flag("unknown") ? OK : ERR_INVALID;
}

TEST(a_value_that_pith_would_not_have_let_pass_ends_the_image_with_its_name)
{
    CHECK_EQ(boot(asks_bad_flag, 1 << 20), 1);
    CHECK(strncmp(printed, "bad-flag: ", 10) == 0);
    CHECK_EQ(boot(asks_bad_time, 1 << 20), 1);
    CHECK(strncmp(printed, "bad-time: ", 10) == 0);
    CHECK_EQ(boot(asks_long_time, 1 << 20), 1);
    CHECK(strncmp(printed, "long-time: ", 11) == 0);
    CHECK_EQ(boot(asks_bad_number, 1 << 20), 1);
    CHECK(strncmp(printed, "bad-number: ", 12) == 0);
    CHECK_EQ(boot(asks_unknown, 1 << 20), -SIGILL);
}

static void waits(void *arg)
{
    (void)arg;
    if (loop_wait_stop(FOREVER) == ERR_CANCELED)
        say("cancelled");
}

static enum err leaves_fibers(struct scope *root)
{
    for (int i = 0; i < 3; i++)
        TRY(fiber_spawn(root, "waiter", waits, NULL));
    if (fiber_spawn(root, "one too many", waits, NULL) != ERR_LIMIT)
        return ERR_INVALID;
    return fiber_yield();
}

TEST(fibers_left_when_main_returns_are_cancelled_and_joined)
{
    CHECK_EQ(boot(leaves_fibers, 1 << 20), 0);
    CHECK(strcmp(printed, "cancelled\ncancelled\ncancelled\n") == 0);
}

TEST(too_little_memory_for_the_stacks_is_said)
{
    CHECK_EQ(boot(says, 4 * (16 + 4) * 1024 - 4096), 1);
    CHECK(strcmp(printed, "sample: out of declared memory: give it more with --mem\n") == 0);
}

TESTS(CASE(an_appliance_says_a_line_and_ends_well), CASE(a_long_line_is_said_whole),
      CASE(what_main_returns_is_said_and_is_the_exit_code), CASE(keys_bundle_devices_and_memory_are_as_given),
      CASE(a_value_that_pith_would_not_have_let_pass_ends_the_image_with_its_name),
      CASE(fibers_left_when_main_returns_are_cancelled_and_joined),
      CASE(too_little_memory_for_the_stacks_is_said))
