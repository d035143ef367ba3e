/* A request of n bytes goes into an array of 32 on the stack, whatever n is. */
#include "test/planted/planted.h"

PLANTED("writes past the end of an array on the stack");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 line[32];
    u64 n = key_number("n");
    for (u64 i = 0; i < n; i++)
        AT(line, i) = 'x';
    show(VIEW_OF(line));
    return OK;
}
