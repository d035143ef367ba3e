#include "test/planted/planted.h"

PLANTED("moves a pointer");

static void take(u8 *p, u64 n)
{
    for (; n > 0; n--, p++)
        *p = 'x';
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 line[32];
    take(line, key_number("n"));
    show(VIEW_OF(line));
    return OK;
}
