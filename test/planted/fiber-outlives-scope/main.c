/* A function starts a fiber that works on its frame, and returns without waiting for it. */
#include "test/planted/planted.h"

PLANTED("returns while a fiber still works on the frame");

static void work(void *arg)
{
    u64 *count = arg;
    while (fiber_yield() == OK)
        ++*count;
    show(VIEW("the fiber has ended"));
}

static enum err begin(void)
{
    u64 count = 0;
    SCOPE(workers, "workers");
    TRY(fiber_spawn(&workers, "worker", work, &count));
    TRY(fiber_yield());
    return key_number("n") > 0 ? ERR_INVALID : OK;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    enum err e = begin();
    show(e == ERR_INVALID ? VIEW("then the function returned") : VIEW("all is well"));
    return OK;
}
