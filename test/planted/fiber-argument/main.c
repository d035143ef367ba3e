/* A fiber of the outermost scope is given a variable of a function that returns earlier. */
#include "test/planted/planted.h"

PLANTED("gives a fiber what ends before it");

static void work(void *arg)
{
    const struct view *name = arg;
    show(*name);
}

static __attribute__((noinline)) enum err begin(struct scope *scope)
{
    struct view name = VIEW("worker");
    return fiber_spawn(scope, "worker", work, &name);
}

enum err appliance_main(struct scope *root)
{
    TRY(begin(root));
    TRY(fiber_yield());
    return OK;
}
