#include "test/planted/planted.h"

PLANTED("takes bytes for a number");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 packet[8] = {1, 0, 0, 1, 2};
    show_number(*(u32 *)&AT(packet, key_number("n")));
    return OK;
}
