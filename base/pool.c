#include "base/pool.h"

#include "base/num.h"
#include "base/released.h"

enum { NONE = UINT32_MAX };

enum err pool_init(struct pool *p, struct arena *a, u32 count, size_t size, size_t align)
{
    size = align_up(size, align);
    *p = (struct pool){
        .objects = arena_array(a, count, size, align),
        .generations = NEW_ARRAY(a, u32, count),
        .next_free = NEW_ARRAY(a, u32, count),
        .size = size,
        .count = count,
        .free_head = NONE,
    };
    return p->objects && p->generations && p->next_free ? OK : ERR_NO_MEMORY;
}

static u32 index_of(const struct pool *p, const void *object)
{
    size_t offset = (size_t)((uintptr_t)object - (uintptr_t)p->objects);
    must_in_bounds(offset < p->count * p->size && offset % p->size == 0);
    return (u32)(offset / p->size);
}

static bool made_to_fail(struct pool *p)
{
    if (likely(p->fail_at == 0))
        return false;
    p->fail_at--;
    return p->fail_at == 0;
}

void *pool_new(struct pool *p)
{
    u32 i = p->free_head;
    bool released = i != NONE;
    if (made_to_fail(p))
        return NULL;
    if (released)
        p->free_head = p->next_free[i];
    else if (p->untouched < p->count)
        i = p->untouched++;
    else
        return NULL;
    p->generations[i] = wrap_add32(p->generations[i], 1);
    must(p->generations[i] & 1);
    p->used++;
    p->peak = MAX(p->peak, p->used);
    u8 *object = p->objects + i * p->size;
    if (released && !still_released((struct view){object, p->size}))
        trap_with(TRAP_WRITTEN);
    memset(object, 0, p->size);
    return object;
}

void pool_free(struct pool *p, void *object)
{
    u32 i = index_of(p, object);
    if (!(p->generations[i] & 1))
        trap_with(TRAP_TWICE);
    mark_released((struct span){object, p->size});
    p->generations[i] = wrap_add32(p->generations[i], 1);
    p->next_free[i] = p->free_head;
    p->free_head = i;
    p->used--;
}

struct handle pool_handle(const struct pool *p, const void *object)
{
    u32 i = index_of(p, object);
    return (struct handle){i, p->generations[i]};
}

void *pool_get(const struct pool *p, struct handle h)
{
    if (h.index >= p->count || !(h.generation & 1) || p->generations[h.index] != h.generation)
        return NULL;
    return p->objects + h.index * p->size;
}

void *pool_ref(const struct pool *p, struct handle h)
{
    void *object = pool_get(p, h);
    if (!object)
        trap_with(TRAP_STALE);
    return object;
}
