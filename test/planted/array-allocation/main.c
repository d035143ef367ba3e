/* The same by the means of the house: more elements than any memory holds. */
#include "test/planted/planted.h"

PLANTED("asks for an array whose size does not fit a number");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u64 *table = NEW_ARRAY(boot_arena(), u64, key_number("n") << 32);
    show(table ? VIEW("there is a table") : VIEW("refused"));
    return OK;
}
