#include "test/planted/planted.h"

PLANTED("writes to its bundle");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 *p = boot_bundle().p;
    *p = 'x';
    return OK;
}
