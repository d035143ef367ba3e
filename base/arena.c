#include "base/arena.h"

#include "base/num.h"
#include "base/released.h"

void arena_init(struct arena *a, struct span mem)
{
    *a = (struct arena){.mem = mem, .clean = mem.n};
}

void arena_init_zeroed(struct arena *a, struct span mem)
{
    *a = (struct arena){.mem = mem};
}

/* Counts down to the allocation that a test wants to fail. */
static bool made_to_fail(struct arena *a)
{
    if (likely(a->fail_at == 0))
        return false;
    a->fail_at--;
    return a->fail_at == 0;
}

struct span arena_alloc(struct arena *a, size_t n, size_t align)
{
    uintptr_t base = (uintptr_t)a->mem.p;
    size_t start = align_up(base + a->used, align) - base;
    if (made_to_fail(a) || start > a->mem.n || n > a->mem.n - start)
        return SPAN_NONE;
    a->used = start + n;
    a->peak = MAX(a->peak, a->used);
    if (start < a->clean)
        fill(span_sub(a->mem, start, MIN(n, a->clean - start)), 0);
    a->clean = MAX(a->clean, a->used);
    return span_sub(a->mem, start, n);
}

void *arena_array(struct arena *a, size_t count, size_t size, size_t align)
{
    size_t n;
    if (ckd_mul(&n, count, size))
        return NULL;
    return arena_alloc(a, n, align).p;
}

struct view arena_copy(struct arena *a, struct view v)
{
    struct span s = arena_alloc(a, v.n, 1);
    if (s.n < v.n)
        return VIEW_NONE;
    copy(s, v);
    return view_of(s);
}

void arena_reset(struct arena *a)
{
    arena_rewind(a, 0);
}

void arena_rewind(struct arena *a, size_t mark)
{
    must(mark <= a->used);
    mark_released(span_sub(a->mem, mark, a->used - mark));
    a->used = mark;
}
