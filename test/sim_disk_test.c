/* Disks for fibers (fiber/disk.h), on the simulator's, which lose, delay and tear. */
#include "base/codec.h"
#include "base/hash.h"
#include "base/num.h"
#include "fiber/disk.h"
#include "host/sim/sim.h"
#include "test/test.h"

enum { BLOCK = 512 };

static bool done;

static void run(void (*fn)(void *arg), u64 seed)
{
    done = false;
    sim_run(seed, fn, NULL);
    CHECK(done);
}

static struct span bytes_of(size_t n, u8 value)
{
    struct span s = arena_alloc(sim_arena(), n, 64);
    fill(s, value);
    return s;
}

static bool all_are(struct view v, u8 value)
{
    for (size_t i = 0; i < v.n; i++)
        if (view_at(v, i) != value)
            return false;
    return true;
}

/* ---- calls ------------------------------------------------------------------------------ */

static void write_and_read(void *arg)
{
    static const u32 sizes[] = {BLOCK, 2 * BLOCK, 100 * BLOCK, BLOCK_REQUEST_MAX,
                                3 * BLOCK_REQUEST_MAX + BLOCK};
    struct disk d;
    (void)arg;
    disk_open(&d, sim_disk((struct sim_disk_options){.bytes = 8 << 20, .latency_ns = NS_PER_MS}));
    for (u8 i = 0; i < COUNT(sizes); i++) {
        u64 n = AT(sizes, i), offset = i % 2 ? (8 << 20) - n : BLOCK;
        struct span into = bytes_of(n, 0);
        CHECK_EQ(disk_write(&d, offset, view_of(bytes_of(n, (u8)(i + 1)))), OK);
        CHECK_EQ(disk_read(&d, offset, into), OK);
        CHECK(all_are(view_of(into), (u8)(i + 1)));
    }
    CHECK_EQ(disk_write(&d, 0, VIEW_NONE), OK);
    CHECK_EQ(disk_flush(&d), OK);
    disk_close(&d);
    done = true;
}
TEST(a_disk_gives_back_what_it_was_given)
{
    run(write_and_read, 1);
}

static void make_errors(void *arg)
{
    struct disk d, r;
    struct span b = bytes_of(2 * BLOCK, 1);
    (void)arg;
    struct block_dev *dev = sim_disk((struct sim_disk_options){.bytes = 4 * BLOCK, .fail_ppm = 1000000});
    disk_open(&d, dev);
    CHECK_EQ(disk_read(&d, 1, b), ERR_RANGE);
    CHECK_EQ(disk_read(&d, 0, span_first(b, BLOCK + 1)), ERR_RANGE);
    CHECK_EQ(disk_read(&d, 3 * BLOCK, b), ERR_RANGE);
    CHECK_EQ(disk_write(&d, 5 * BLOCK, view_of(b)), ERR_RANGE);
    CHECK_EQ(disk_discard(&d, UINT64_MAX - BLOCK + 1, BLOCK), ERR_RANGE);
    CHECK_EQ(disk_read(&d, 0, b), ERR_IO);
    CHECK_EQ(disk_write(&d, 0, view_of(b)), ERR_IO);
    CHECK_EQ(disk_flush(&d), ERR_IO);
    CHECK_EQ(disk_discard(&d, 0, BLOCK), ERR_IO);
    disk_close(&d);
    disk_open(&r, sim_disk((struct sim_disk_options){.read_only = true, .no_discard = true}));
    CHECK_EQ(disk_write(&r, 0, view_of(b)), ERR_UNSUPPORTED);
    CHECK_EQ(disk_discard(&r, 0, BLOCK), ERR_UNSUPPORTED);
    CHECK_EQ(disk_read(&r, 0, b), OK);
    CHECK(all_are(view_of(b), 0));
    CHECK_EQ(disk_flush(&r), OK);
    disk_close(&r);
    done = true;
}
TEST(errors_of_a_disk)
{
    run(make_errors, 1);
}

/* ---- many at once ------------------------------------------------------------------------ */

struct worker {
    struct disk *d;
    u64 number;
    u32 rounds;
};

static void work(void *arg)
{
    struct worker *w = arg;
    struct span out = bytes_of(BLOCK, 0), in = bytes_of(BLOCK, 0);
    for (u32 i = 0; i < 20; i++) {
        fill(out, (u8)(w->number + i));
        CHECK_EQ(disk_write(w->d, w->number * BLOCK, view_of(out)), OK);
        CHECK_EQ(disk_read(w->d, w->number * BLOCK, in), OK);
        CHECK(view_eq(view_of(in), view_of(out)));
        w->rounds++;
    }
}

enum { WORKERS = 300 };

static void many_workers(void *arg)
{
    struct disk d;
    static struct worker workers[WORKERS];
    (void)arg;
    disk_open(&d, sim_disk((struct sim_disk_options){
                      .bytes = WORKERS * BLOCK, .latency_ns = 100 * NS_PER_US, .jitter_ns = NS_PER_MS}));
    {
        SCOPE(all, "workers");
        for (u64 i = 0; i < WORKERS; i++) {
            AT(workers, i) = (struct worker){&d, i, 0};
            CHECK_EQ(fiber_spawn(&all, "worker", work, &AT(workers, i)), OK);
        }
        CHECK_EQ(scope_join(&all, FOREVER), OK);
    }
    for (u64 i = 0; i < WORKERS; i++)
        CHECK_EQ(AT(workers, i).rounds, 20);
    CHECK_EQ(sim_disk_counts(d.dev).writes, WORKERS * 20);
    disk_close(&d);
    done = true;
}
TEST(three_hundred_fibers_share_64_places)
{
    for (u64 seed = 1; seed <= 5; seed++)
        run(many_workers, seed);
}

/* ---- cancellation ------------------------------------------------------------------------- */

struct slow {
    struct disk *d;
    enum err result;
    bool ended;
    struct span into;
};

static void read_slowly(void *arg)
{
    struct slow *s = arg;
    s->result = disk_read(s->d, 0, s->into);
    s->ended = true;
}

/* Leaving a scope waits for the disk: it has the memory until it is done. */
static void cancel_a_read(void *arg)
{
    struct disk d;
    struct slow s = {.d = &d, .into = bytes_of(3 * BLOCK_REQUEST_MAX, 1)};
    (void)arg;
    disk_open(&d, sim_disk((struct sim_disk_options){.bytes = 4 << 20, .latency_ns = NS_PER_S}));
    u64 start = loop_now();
    {
        SCOPE(one, "one");
        CHECK_EQ(fiber_spawn(&one, "slow", read_slowly, &s), OK);
        CHECK_EQ(fiber_sleep_ns(NS_PER_MS), OK);
        CHECK(!s.ended);
    }
    CHECK(s.ended && s.result == OK && loop_now() - start >= NS_PER_S);
    CHECK(all_are(view_of(s.into), 0));
    disk_close(&d);
    done = true;
}
TEST(cancellation_waits_for_the_disk)
{
    run(cancel_a_read, 1);
}

/* ---- power ---------------------------------------------------------------------------------- */

/* An append-only log, a record a block: u64 number, u64 hash of it and the seed. */
wraps static u64 hash_of(u64 number)
{
    u64 x = number * 0x9e3779b97f4a7c15u ^ sim_seed();
    return x ^ x >> 29;
}

static bool is_record(struct view block, u64 number)
{
    return load_le64(block, 0) == number && load_le64(block, 8) == hash_of(number) &&
           load_le64(block, BLOCK - 8) == hash_of(number);
}

struct log {
    struct disk *d;
    u64 written, durable; /* records: numbers from 1 */
};

enum { RECORDS = 200 };

static void append(void *arg)
{
    struct log *l = arg;
    struct span block = bytes_of(BLOCK, 0);
    while (l->written < RECORDS) {
        u64 number = l->written + 1;
        fill(block, (u8)number);
        store_le64(block, 0, number);
        store_le64(block, 8, hash_of(number));
        store_le64(block, BLOCK - 8, hash_of(number));
        if (disk_write(l->d, (number - 1) * BLOCK, view_of(block)) != OK)
            return;
        l->written = number;
        if (number % 3 == 0) {
            if (disk_flush(l->d) != OK)
                return;
            l->durable = number;
        }
    }
}

/* A crash at any moment: what a flush had ended for is there, and no block is anything but
 * what was written there, or nothing. */
static void crash_once(void *arg)
{
    struct disk d;
    struct log l = {.d = &d};
    struct block_dev *dev = sim_disk((struct sim_disk_options){.bytes = RECORDS * BLOCK,
                                                               .latency_ns = 50 * NS_PER_US,
                                                               .jitter_ns = 100 * NS_PER_US,
                                                               .flush_ns = 200 * NS_PER_US,
                                                               .torn = *(bool *)arg});
    disk_open(&d, dev);
    {
        SCOPE(writer, "writer");
        CHECK_EQ(fiber_spawn(&writer, "append", append, &l), OK);
        CHECK_EQ(fiber_sleep_ns(random_below(sim_random(), 30 * NS_PER_MS)), OK);
        sim_disk_crash(dev);
        CHECK_EQ(scope_join(&writer, FOREVER), OK);
        CHECK_EQ(disk_write(&d, 0, view_of(bytes_of(BLOCK, 7))), ERR_IO);
    }
    sim_disk_restart(dev);
    struct span block = bytes_of(BLOCK, 0);
    for (u64 i = 1; i <= RECORDS; i++) {
        CHECK_EQ(disk_read(&d, (i - 1) * BLOCK, block), OK);
        bool whole = is_record(view_of(block), i);
        CHECK(whole || i > l.durable);
        CHECK(whole || *(bool *)arg || all_are(view_of(block), 0));
        CHECK(!whole || i <= l.written + 1);
    }
    disk_close(&d);
    done = true;
}
TEST(what_was_flushed_survives)
{
    for (u64 seed = 1; seed <= 1500; seed++) {
        bool torn = seed % 2;
        done = false;
        sim_run(seed, crash_once, &torn);
        CHECK(done);
    }
}

/* Without a flush some blocks are lost, some are not, and some are torn. */
static void lose(void *arg)
{
    struct disk d;
    u32 lost = 0, kept = 0, torn = 0;
    (void)arg;
    struct block_dev *dev = sim_disk((struct sim_disk_options){.bytes = 1000 * BLOCK, .torn = true});
    disk_open(&d, dev);
    CHECK_EQ(disk_write(&d, 0, view_of(bytes_of(1000 * BLOCK, 9))), OK);
    sim_disk_crash(dev);
    struct view left = view_of(sim_disk_bytes(dev));
    for (size_t i = 0; i < 1000; i++) {
        struct view block = view_sub(left, i * BLOCK, BLOCK);
        bool none = all_are(block, 0), whole = all_are(block, 9);
        lost += none;
        kept += whole;
        torn += !none && !whole;
    }
    CHECK(lost > 300 && kept > 100 && torn > 100);
    sim_disk_restart(dev);
    disk_close(&d);
    done = true;
}
TEST(what_was_not_flushed_may_not)
{
    run(lose, 3);
}

/* ---- the same again --------------------------------------------------------------------------- */

static u64 fingerprint;

static void disturb(void *arg)
{
    struct disk d;
    struct span block = bytes_of(8 * BLOCK, 5);
    u64 failed = 0;
    (void)arg;
    struct block_dev *dev = sim_disk((struct sim_disk_options){.bytes = 64 * BLOCK,
                                                               .latency_ns = NS_PER_MS,
                                                               .jitter_ns = NS_PER_MS,
                                                               .rate_bps = 100 << 20,
                                                               .fail_ppm = 100000,
                                                               .rot_ppm = 500000});
    disk_open(&d, dev);
    for (u64 i = 0; i < 200; i++) {
        u64 offset = random_below(sim_random(), 56) * BLOCK;
        enum err e = i % 7 == 0   ? disk_discard(&d, offset, 8 * BLOCK)
                     : i % 3 == 0 ? disk_write(&d, offset, view_of(block))
                                  : disk_read(&d, offset, block);
        failed += e != OK;
        fingerprint = checksum64(fingerprint, view_of(block));
    }
    CHECK(failed > 5 && failed < 60);
    fingerprint ^= loop_now() + failed;
    disk_close(&d);
    done = true;
}
TEST(the_same_seed_is_the_same_disk)
{
    u64 seen[3];
    for (size_t i = 0; i < COUNT(seen); i++) {
        fingerprint = 0;
        run(disturb, 10 + i / 2);
        AT(seen, i) = fingerprint;
    }
    CHECK(seen[0] == seen[1] && seen[1] != seen[2]);
}

TESTS(CASE(a_disk_gives_back_what_it_was_given), CASE(errors_of_a_disk),
      CASE(three_hundred_fibers_share_64_places), CASE(cancellation_waits_for_the_disk),
      CASE(what_was_flushed_survives), CASE(what_was_not_flushed_may_not),
      CASE(the_same_seed_is_the_same_disk))
