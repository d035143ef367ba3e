#include "test/planted/planted.h"

PLANTED("writes to a constant");

static const u32 rights[4] = {0, 1, 2, 3};

enum err appliance_main(struct scope *root)
{
    (void)root;
    *(u32 *)&AT(rights, key_number("n")) = 3;
    return OK;
}
