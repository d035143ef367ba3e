/* A pointer is joined with a length that is not its own. The rules have no way to write
 * that: the length of an array goes with it, and less of it is a checked step. */
#include "test/planted/planted.h"

PLANTED("takes more of a buffer than there is");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 reply[16] = "public";
    show(view_first(VIEW_OF(reply), key_number("n")));
    return OK;
}
