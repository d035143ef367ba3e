#include "test/planted/planted.h"

PLANTED("answers a pointer into its own frame");

static const struct view *current;

static void begin(void)
{
    struct view name = VIEW("a job");
    current = &name;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    begin();
    show(*current);
    return OK;
}
