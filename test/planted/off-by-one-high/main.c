/* One more turn of the loop than there are elements. */
#include "test/planted/planted.h"

PLANTED("goes one element too far");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u64 histogram[8] = {0};
    u64 buckets = key_number("n");
    for (u64 i = 0; i <= buckets; i++)
        AT(histogram, i) = i;
    show_number(AT(histogram, 7));
    return OK;
}
