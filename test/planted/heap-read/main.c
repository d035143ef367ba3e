/* Heartbleed: the answer repeats as many bytes as the request says that it holds. */
#include "test/planted/planted.h"

PLANTED("reads past the end of a buffer, as many bytes as a stranger says");

static struct view heartbeat(struct view request)
{
    u64 says = key_number("n");
    return view_sub(request, 3, says);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct view request = arena_copy(boot_arena(), VIEW("\1\0\7payload"));
    struct view key = arena_copy(boot_arena(), VIEW("SECRET KEY"));
    if (request.n == 0 || key.n == 0)
        return ERR_NO_MEMORY;
    show(heartbeat(request));
    return OK;
}
