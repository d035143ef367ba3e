/* A counter for each kind of packet, and a kind that is none. */
#include "test/planted/planted.h"

PLANTED("writes past the end of a global array");

static u32 counters[16];

enum err appliance_main(struct scope *root)
{
    (void)root;
    AT(counters, key_number("n"))++;
    show_number(AT(counters, 0));
    return OK;
}
