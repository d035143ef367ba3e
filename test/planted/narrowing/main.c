/* A length goes into 16 bits that does not fit. */
#include "test/planted/planted.h"

PLANTED("loses the upper bits of a length");

struct packet {
    u16 length;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct packet p = {0};
    p.length = key_number("n") + 20;
    show_number(p.length);
    return OK;
}
