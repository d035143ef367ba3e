#include "test/planted/planted.h"

PLANTED("makes its frame as large as a stranger says");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 room[key_number("n")];
    show_number(sizeof room);
    return OK;
}
