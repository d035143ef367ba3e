/* A frame that is larger than the stack, touched at its far end only: beyond the guard. */
#include "test/planted/planted.h"

PLANTED("has a frame that is larger than its stack");

static __attribute__((noinline)) u64 work(u64 n)
{
    u8 room[48 * 1024];
    struct span s = span_first(SPAN_OF(room), n);
    fill(s, 'x');
    return span_at(s, n - 1);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(work(key_number("n")));
    return OK;
}
