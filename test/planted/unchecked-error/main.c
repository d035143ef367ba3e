/* A number is used whose parsing failed. Whoever does not look at the error does not get
 * past the compiler; who looks wrongly finds what was there before. */
#include "test/planted/planted.h"

PLANTED("goes on after an error");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u64 x;
    if (view_to_u64(VIEW("not a number"), &x) == OK)
        return ERR_INVALID;
    show_number(x);
    return OK;
}
