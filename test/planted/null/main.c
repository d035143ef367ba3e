/* What a search did not find is used. */
#include "test/planted/planted.h"

PLANTED("uses what was not found");

struct route {
    u64 id;
    struct view name;
};

static const struct route routes[2] = {{1, {0}}, {2, {0}}};

static const struct route *find(u64 id)
{
    for (size_t i = 0; i < COUNT(routes); i++)
        if (AT(routes, i).id == id)
            return &AT(routes, i);
    return NULL;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(find(key_number("n"))->name.n);
    return OK;
}
