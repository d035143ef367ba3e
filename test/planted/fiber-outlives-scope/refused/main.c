#include "test/planted/planted.h"

PLANTED("opens a scope that no block ends");

static struct scope workers;

enum err appliance_main(struct scope *root)
{
    (void)root;
    scope_open(&workers, "workers");
    return OK;
}
