/* The check of a range adds two numbers of a stranger, and the sum wraps. */
#include "test/planted/planted.h"

PLANTED("checks a range with a sum that wraps");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 record[64] = {0};
    u32 at = 32, n = chosen32();
    if (at + n > sizeof record)
        return ERR_RANGE;
    show(view_sub(VIEW_OF(record), at, n));
    return OK;
}
