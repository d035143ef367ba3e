/* What was parsed of a request is kept past the request, whose arena has been reset. */
#include "test/planted/planted.h"

PLANTED("uses what lay in an arena that was reset");

struct request {
    struct view path;
    u64 number;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct arena a;
    arena_init(&a, arena_alloc(boot_arena(), 4096, 8));
    struct request *r = NEW(&a, struct request);
    if (!r)
        return ERR_NO_MEMORY;
    r->path = arena_copy(&a, VIEW("/private/SECRET"));
    arena_reset(&a);
    show_number(view_at(r->path, 9));
    return OK;
}
