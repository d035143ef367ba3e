/* A pointer into the frame of a fiber that has ended. */
#include "test/planted/planted.h"

PLANTED("uses the stack frame of a fiber that has ended");

struct job {
    struct view name;
    u64 number;
};

static const struct job *current;

static void work(void *arg)
{
    const struct view *name = arg;
    struct job job = {*name, key_number("n")};
    current = &job;
    show(job.name);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct view name = VIEW("a job");
    SCOPE(workers, "workers");
    TRY(fiber_spawn(&workers, "worker", work, &name));
    TRY(scope_join(&workers, FOREVER));
    show_number(view_at(current->name, 0));
    return OK;
}
