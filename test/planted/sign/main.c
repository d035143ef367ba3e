/* A length with a sign passes a check of its upper bound only. */
#include "test/planted/planted.h"

PLANTED("takes a negative number for a length");

static size_t limited(i32 n)
{
    i32 limit = 64;
    return n < limit ? n : limit;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    i32 n = 16 - (i32)key_number("n");
    show_number(limited(n));
    return OK;
}
