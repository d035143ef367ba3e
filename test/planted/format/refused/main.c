#include "test/planted/planted.h"

PLANTED("writes with a format");

int printf(const char *format, ...);

enum err appliance_main(struct scope *root)
{
    (void)root;
    printf("%d\n", 1ull);
    return OK;
}
