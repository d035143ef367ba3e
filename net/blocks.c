#include "net/blocks.h"

#include "base/num.h"

enum err blocks_init(struct blocks *b, struct arena *a, size_t bytes)
{
    u32 count = (u32)MIN(bytes / BLOCK_BYTES, (size_t)BLOCKS_MAX);
    *b = (struct blocks){.mem = arena_alloc(a, (size_t)count * BLOCK_BYTES, BLOCK_BYTES), .count = count};
    return b->mem.n == (size_t)count * BLOCK_BYTES ? OK : ERR_NO_MEMORY;
}

static u32 blocks_for(size_t n)
{
    return (u32)((n + BLOCK_BYTES - 1) / BLOCK_BYTES);
}

static u32 first_of(const struct blocks *b, struct span run)
{
    size_t offset = (uintptr_t)run.p - (uintptr_t)b->mem.p;
    must_in_bounds(offset < b->mem.n && run.n <= b->mem.n - offset && offset % BLOCK_BYTES == 0);
    return (u32)(offset / BLOCK_BYTES);
}

static void mark(struct blocks *b, u32 first, u32 n, bool taken)
{
    for (u32 i = first; i < first + n; i++) {
        must(AT(b->taken, i) == !taken);
        AT(b->taken, i) = taken;
    }
    b->used = taken ? b->used + n : b->used - n;
}

static bool is_free(const struct blocks *b, u32 first, u32 n)
{
    if (n > b->count || first > b->count - n)
        return false;
    for (u32 i = first; i < first + n; i++)
        if (AT(b->taken, i))
            return false;
    return true;
}

static struct span run_at(struct blocks *b, u32 first, u32 n)
{
    return span_sub(b->mem, (size_t)first * BLOCK_BYTES, (size_t)n * BLOCK_BYTES);
}

struct span blocks_new(struct blocks *b, size_t n)
{
    u32 want = blocks_for(n), run = 0;
    must(n > 0);
    if (want > b->count - b->used)
        return SPAN_NONE;
    for (u32 i = 0; i < b->count; i++) {
        run = AT(b->taken, i) ? 0 : run + 1;
        if (run == want) {
            mark(b, i + 1 - want, want, true);
            return run_at(b, i + 1 - want, want);
        }
    }
    return SPAN_NONE;
}

struct span blocks_grow(struct blocks *b, struct span run, size_t n)
{
    if (n <= run.n)
        return run;
    u32 first = first_of(b, run), have = blocks_for(run.n), want = blocks_for(n);
    if (is_free(b, first + have, want - have)) {
        mark(b, first + have, want - have, true);
        return run_at(b, first, want);
    }
    struct span moved = blocks_new(b, n);
    if (moved.n == 0)
        return SPAN_NONE;
    copy(moved, view_of(run));
    blocks_free(b, run);
    return moved;
}

void blocks_free(struct blocks *b, struct span run)
{
    if (run.n > 0)
        mark(b, first_of(b, run), blocks_for(run.n), false);
}
