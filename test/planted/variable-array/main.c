/* As much memory as a stranger asks for: from an arena, which has a limit. */
#include "test/planted/planted.h"

PLANTED("takes as much memory as a stranger says");

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct span room = arena_alloc(boot_arena(), key_number("n"), 8);
    show(room.n == 0 ? VIEW("refused") : VIEW("there is room"));
    return OK;
}
