/* A message of n bytes is put into 64 bytes of an arena, in front of something else. */
#include "test/planted/planted.h"

PLANTED("writes past the end of a buffer from an arena");

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct span message = arena_alloc(boot_arena(), 64, 8);
    u64 *balance = NEW(boot_arena(), u64);
    if (message.n == 0 || !balance)
        return ERR_NO_MEMORY;
    u64 n = key_number("n");
    for (u64 i = 0; i < n; i++)
        span_set(message, i, 'x');
    show_number(*balance);
    return OK;
}
