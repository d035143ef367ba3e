/* An average over nothing. */
#include "test/planted/planted.h"

PLANTED("divides by zero");

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(1000 / key_number("n"));
    return OK;
}
