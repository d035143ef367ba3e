/* A byte of a stranger is taken for a truth value. */
#include "test/planted/planted.h"

PLANTED("has a truth value that is neither true nor false");

union flag {
    u8 byte;
    bool on;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    union flag *f = NEW(boot_arena(), union flag);
    if (!f)
        return ERR_NO_MEMORY;
    f->byte = (u8)key_number("n");
    u32 limits[2] = {10, 20};
    show_number(AT(limits, f->on));
    return OK;
}
