/* As in base/, where pointers may move: a loop writes over a frame's end and on over the
 * address that the function returns to. */
#include "test/planted/planted.h"

PLANTED("overwrites a return address");

#pragma clang unsafe_buffer_usage begin
static __attribute__((noinline)) void take(u8 *p, u64 n)
{
    for (; n > 0; n--, p++)
        *p = 'x';
}
#pragma clang unsafe_buffer_usage end

static __attribute__((noinline)) u64 parse(u64 n)
{
    u8 line[32];
    take(line, n);
    return AT(line, n % 32);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    show_number(parse(key_number("n")));
    return OK;
}
