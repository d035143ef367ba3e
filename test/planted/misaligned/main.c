/* A number of 4 bytes lies at an odd place of a packet. */
#include "test/planted/planted.h"

PLANTED("reads a number where it is not aligned");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 packet[8] = {1, 0, 0, 1, 2};
    show_number(load_be32(VIEW_OF(packet), key_number("n")));
    return OK;
}
