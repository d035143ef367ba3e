/* A parser that calls itself, as deep as a stranger nests, and says that it does not. */
#include "test/planted/planted.h"

PLANTED("calls itself without an end");

/* Bound: nobody nests deeper than 16. */
static __attribute__((noinline)) u64 parse(u64 depth)
{
    u8 name[64];
    fill(SPAN_OF(name), (u8)(depth & 0xff));
    return depth == 0 ? 0 : parse(depth - 1) + AT(name, depth % 64);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(parse(key_number("n")));
    return OK;
}
