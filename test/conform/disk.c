/* What a host does for a disk, as seen through sig/block.h. The disk is empty, and the
 * suite's to write on. */
#include "base/codec.h"
#include "base/num.h"
#include "base/view.h"
#include "sig/clock.h"
#include "sig/idle.h"
#include "test/conform/conform.h"

enum { PATIENCE_S = 5 };

static u8 written_bytes[BLOCK_REQUEST_MAX], read_bytes[BLOCK_REQUEST_MAX];

/* Bytes that tell what they are: of the block at `offset`, at its time `turn`. */
static struct view pattern(u64 offset, size_t n, u32 turn)
{
    for (size_t i = 0; i < n; i += 8)
        store_le64(span_sub(SPAN_OF(written_bytes), i, 8), 0, (offset + i) * 0x9e3779b1 + turn);
    return view_first(VIEW_OF(written_bytes), n);
}

/* Reaps the next request that is done; false: none was in time, or the host slept over it. */
static bool reap(struct conform *c, struct block_done *done)
{
    u64 deadline = clock_mono_ns() + PATIENCE_S * NS_PER_S;
    while (block_reap(c->disk, (struct block_dones){done, 1}) == 0) {
        if (clock_mono_ns() >= deadline)
            return false;
        (void)idle_until((u64)1 << c->disk->index, 0, deadline);
    }
    return true;
}

static const char *finish(struct conform *c, struct block_request r)
{
    struct block_done done;
    r.tag = 0x1234567890abcdef + r.offset;
    if (block_submit(c->disk, (struct block_requests){&r, 1}) != 1)
        return "it was not taken";
    if (!reap(c, &done))
        return "it is never done";
    return done.tag != r.tag ? "another is done" : done.failed ? "it failed" : NULL;
}

static const char *write_at(struct conform *c, u64 offset, size_t n, u32 turn)
{
    struct view from = pattern(offset, n, turn);
    return finish(c, (struct block_request){.op = BLOCK_WRITE, .offset = offset, .from = from});
}

static const char *compare_at(struct conform *c, u64 offset, size_t n, u32 turn)
{
    struct span into = span_first(SPAN_OF(read_bytes), n);
    fill(into, 0xa5);
    const char *wrong = finish(c, (struct block_request){.op = BLOCK_READ, .offset = offset, .into = into});
    if (wrong)
        return wrong;
    return view_eq(view_of(into), pattern(offset, n, turn)) ? NULL : "something else was read";
}

static const char *a_disk_is_described(struct conform *c)
{
    if (!c->disk)
        return "skip: no disk";
    if (c->disk->block_bytes != 512 && c->disk->block_bytes != 4096)
        return "blocks of another size";
    return c->disk->bytes < 4 * BLOCK_REQUEST_MAX ? "too small for the suite" : NULL;
}

static const char *a_disk_keeps_what_was_written(struct conform *c)
{
    static const u32 blocks[] = {1, 2, 7, 8, 9, 63, 128, 129, 255, 256};
    if (!c->disk)
        return "skip: no disk";
    for (u32 i = 0; i < COUNT(blocks); i++) {
        size_t n = (size_t)AT(blocks, i) * c->disk->block_bytes;
        const u64 offsets[] = {0, 3 * (u64)c->disk->block_bytes, c->disk->bytes - n};
        for (size_t k = 0; k < COUNT(offsets); k++) {
            const char *wrong = write_at(c, AT(offsets, k), n, i);
            wrong = wrong ? wrong : compare_at(c, AT(offsets, k), n, i);
            if (wrong)
                return wrong;
        }
    }
    return NULL;
}

static const char *a_disk_takes_a_mebibyte(struct conform *c)
{
    if (!c->disk)
        return "skip: no disk";
    const char *wrong = write_at(c, BLOCK_REQUEST_MAX, BLOCK_REQUEST_MAX, 77);
    return wrong ? wrong : compare_at(c, BLOCK_REQUEST_MAX, BLOCK_REQUEST_MAX, 77);
}

/* Whatever order they are done in, each is done once. */
static const char *a_disk_takes_64_at_once(struct conform *c)
{
    enum { N = BLOCK_QUEUE_MAX };
    struct block_request requests[N];
    struct block_done done;
    u64 seen = 0;
    if (!c->disk)
        return "skip: no disk";
    const size_t n = c->disk->block_bytes;
    struct view all = pattern(0, n * N, 5);
    for (size_t i = 0; i < N; i++)
        AT(requests, i) = (struct block_request){
            .tag = i, .op = BLOCK_WRITE, .offset = i * n, .from = view_sub(all, i * n, n)};
    if (block_submit(c->disk, (struct block_requests){requests, N}) != N)
        return "they were not taken";
    for (size_t i = 0; i < N; i++) {
        if (!reap(c, &done))
            return "one is never done";
        if (done.failed || done.tag >= N || (seen >> done.tag & 1))
            return "one failed, or was done twice";
        seen |= (u64)1 << done.tag;
    }
    return compare_at(c, 0, n * N, 5);
}

static const char *a_disk_flushes(struct conform *c)
{
    if (!c->disk)
        return "skip: no disk";
    return finish(c, (struct block_request){.op = BLOCK_FLUSH});
}

static const char *a_disk_discards(struct conform *c)
{
    if (!c->disk)
        return "skip: no disk";
    u64 n = 64 * (u64)c->disk->block_bytes;
    const struct block_request middle = {.op = BLOCK_DISCARD, .offset = n / 4, .n = n / 2};
    const char *wrong = write_at(c, 0, n, 9);
    wrong = wrong ? wrong : finish(c, middle);
    wrong = wrong ? wrong : compare_at(c, 0, n / 4, 9);
    wrong = wrong ? wrong : write_at(c, 0, n, 10);
    return wrong ? wrong : compare_at(c, 0, n, 10);
}

/* A sleep ends when something is done, and does not when nothing is under way. */
static const char *wait_wakes_for_a_disk(struct conform *c)
{
    struct block_request r = {.tag = 3, .op = BLOCK_FLUSH};
    struct block_done done;
    if (!c->disk)
        return "skip: no disk";
    u64 bit = (u64)1 << c->disk->index, start = clock_mono_ns(), ready = 0;
    if (block_submit(c->disk, (struct block_requests){&r, 1}) != 1)
        return "it was not taken";
    while (!(ready & bit) && clock_mono_ns() - start < PATIENCE_S * NS_PER_S)
        ready = idle_until(bit, 0, start + PATIENCE_S * NS_PER_S);
    if (!(ready & bit))
        return "nobody woke it";
    if (block_reap(c->disk, (struct block_dones){&done, 1}) != 1)
        return "it woke for nothing";
    u64 until = clock_mono_ns() + 20 * NS_PER_MS;
    while (clock_mono_ns() < until)
        if (idle_until(bit, 0, until) & bit)
            return "ready with nothing under way";
    return NULL;
}

static const struct conform_scenario scenarios[] = {
    {"a_disk_is_described", a_disk_is_described},
    {"a_disk_keeps_what_was_written", a_disk_keeps_what_was_written},
    {"a_disk_takes_a_mebibyte", a_disk_takes_a_mebibyte},
    {"a_disk_takes_64_at_once", a_disk_takes_64_at_once},
    {"a_disk_flushes", a_disk_flushes},
    {"a_disk_discards", a_disk_discards},
    {"wait_wakes_for_a_disk", wait_wakes_for_a_disk},
};
const struct conform_scenarios conform_disk = {scenarios, COUNT(scenarios)};
