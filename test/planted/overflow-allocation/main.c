/* The memory for n records and a header is asked for in 32 bits. */
#include "test/planted/planted.h"

PLANTED("allocates too little because a product does not fit");

enum { RECORD = 16, HEADER = 8 };

enum err appliance_main(struct scope *root)
{
    (void)root;
    u32 n = chosen32();
    struct span table = arena_alloc(boot_arena(), n * RECORD + HEADER, 8);
    show_number(table.n);
    return OK;
}
