#include "test/planted/planted.h"

PLANTED("joins a pointer and a length");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 reply[16] = "public";
    show((struct view){reply, key_number("n")});
    return OK;
}
