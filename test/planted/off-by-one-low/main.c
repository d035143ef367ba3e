/* The byte before the first is looked at: a line's end in an empty line. */
#include "test/planted/planted.h"

PLANTED("goes one element too far down");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 line[16] = "text";
    u64 end = key_number("n");
    while (AT(line, end - 1) != '\r')
        end--;
    show_number(end);
    return OK;
}
