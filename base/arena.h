/* Arenas: memory that is handed out piecewise and released as a whole. An arena
 * owns one span; what it hands out is zeroed and lives until arena_reset or
 * arena_rewind, which mark it as released (base/released.h). There is no free. When
 * it is used up the answer is an empty span (NULL from NEW), which the caller turns
 * into ERR_NO_MEMORY. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/view.h"

struct arena {
    struct span mem;
    size_t used;
    size_t clean;      /* from here on mem is known to be zero */
    size_t peak;       /* the most ever used */
    u64 fail_at;       /* test: the Nth allocation from now fails; 0: none does */
};

void arena_init(struct arena *a, struct span mem);

/* The same over memory that is zero already: what is handed out for the first time
 * is not touched, so a host's untouched pages stay free of charge. */
void arena_init_zeroed(struct arena *a, struct span mem);

/* n zeroed bytes aligned to `align` (a power of two up to 4096). */
struct span arena_alloc(struct arena *a, size_t n, size_t align);

/* count * size zeroed bytes; NULL when they do not fit (or the product does not). */
void *arena_array(struct arena *a, size_t count, size_t size, size_t align);

/* A zeroed T, or `count` of them, or NULL. */
#define NEW(arena, T) ((T *)arena_array((arena), 1, sizeof(T), _Alignof(T)))
#define NEW_ARRAY(arena, T, count) ((T *)arena_array((arena), (count), sizeof(T), _Alignof(T)))

/* A slice (base/types.h) of `count` zeroed elements; an empty one when there is no room. */
#define NEW_SLICE(arena, name, count)                                                             \
    __extension__({                                                                               \
        size_t new_n_ = (count);                                                                  \
        struct name new_ = {0};                                                                   \
        new_.p = arena_array((arena), new_n_, sizeof *new_.p, _Alignof(__typeof__(*new_.p)));     \
        new_.n = new_.p ? new_n_ : 0;                                                             \
        new_;                                                                                     \
    })

/* A copy of v; an empty view when there is no room. */
struct view arena_copy(struct arena *a, struct view v);

/* Releases everything, or everything handed out after `mark` was taken. */
void arena_reset(struct arena *a);
static inline size_t arena_mark(const struct arena *a)
{
    return a->used;
}
void arena_rewind(struct arena *a, size_t mark);

#endif
