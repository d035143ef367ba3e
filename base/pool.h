/* Fixed pools of equal objects with generation handles. A pool owns its memory,
 * taken once from an arena. pool_get refuses a handle whose object has since
 * been released, so a stale handle is a circumstance to look at, not a bug that
 * spreads; pool_ref traps on it. Objects come zeroed, and go marked as released
 * (base/released.h): what lies in one is of no use to whoever still has a pointer, and
 * a write to it traps when the object is next handed out. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/arena.h"

struct pool {
    u8 *objects;
    u32 *generations; /* odd: in use */
    u32 *next_free;
    size_t size;      /* of one object, rounded to its alignment */
    u32 count, used, peak;
    u32 free_head;    /* UINT32_MAX: none */
    u32 untouched;    /* objects from here on were never used */
    u64 fail_at;      /* test: the Nth pool_new from now fails; 0: none does */
};

struct handle {
    u32 index, generation; /* generation 0: no object */
};

enum err pool_init(struct pool *p, struct arena *a, u32 count, size_t size, size_t align);

/* NULL when all are in use. */
void *pool_new(struct pool *p);
void pool_free(struct pool *p, void *object); /* a second time traps */

struct handle pool_handle(const struct pool *p, const void *object);
void *pool_get(const struct pool *p, struct handle h); /* NULL when stale */
void *pool_ref(const struct pool *p, struct handle h); /* traps when stale */

#endif
