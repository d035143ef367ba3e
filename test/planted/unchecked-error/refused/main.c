#include "test/planted/planted.h"

PLANTED("does not look at an error");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u64 x;
    view_to_u64(VIEW("not a number"), &x);
    show_number(x);
    return OK;
}
