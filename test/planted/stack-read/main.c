/* A table on the stack is read at an index from outside. */
#include "test/planted/planted.h"

PLANTED("reads past the end of an array on the stack");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u32 prices[8] = {10, 20, 30, 40, 50, 60, 70, 80};
    show_number(AT(prices, key_number("n")));
    return OK;
}
