/* How the threads of a disk wake the image's (host/process/block.h), step by step. What disks
 * do for images: test/conform/disk.c and test/disk_test.sh. */
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/num.h"
#include "host/process/block.h"
#include "test/test.h"

/* Whether a sleep until this disk has done something ends at once. */
static bool sleeps(struct process_block *b)
{
    struct pollfd word = {.fd = b->done, .events = POLLIN};
    process_block_sleep(b);
    bool ended = poll(&word, 1, 0) == 1;
    process_block_woken(b);
    return !ended;
}

static void say_word(struct process_block *b)
{
    const u64 one = 1;
    must(write(b->done, &one, sizeof one) == sizeof one);
}

/* A thread that saw us asleep is slow to say its word: a frame, or the deadline, is faster. */
TEST(a_late_word_ends_one_sleep)
{
    struct process_block b = {.done = eventfd(0, EFD_NONBLOCK)};
    for (int slow = 1; slow <= 3; slow++) {
        for (int i = 0; i < slow; i++) {
            process_block_sleep(&b);
            CHECK(atomic_exchange(&b.asleep, 0));
            process_block_woken(&b);
        }
        CHECK(sleeps(&b));
        for (int i = 0; i < slow; i++)
            say_word(&b);
        CHECK(!sleeps(&b));
        CHECK(sleeps(&b));
        CHECK(sleeps(&b));
    }
    close(b.done);
}

TESTS(CASE(a_late_word_ends_one_sleep))
