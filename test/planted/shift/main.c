/* A bit for each of 32 kinds, and a kind that is none. */
#include "test/planted/planted.h"

PLANTED("shifts by more bits than a number has");

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number((u32)1 << key_number("n"));
    return OK;
}
