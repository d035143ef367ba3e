/* The name of an error, of which a stranger gives the number. */
#include "test/planted/planted.h"

PLANTED("reads past the end of a global array");

static const u8 units[4] = "kMGT";

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(AT(units, key_number("n")));
    return OK;
}
