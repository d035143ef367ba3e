/* A large table could not be had, and is used all the same, far from its beginning. */
#include "test/planted/planted.h"

PLANTED("uses a large table that is not there");

struct table {
    u32 cells[16 * 1024 * 1024];
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct table *t = NEW(boot_arena(), struct table);
    show_number(AT(t->cells, key_number("n")));
    return OK;
}
