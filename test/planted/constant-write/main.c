/* As in base/, where casts are allowed: a table of constants is changed. */
#include "test/planted/planted.h"

PLANTED("writes to a constant");

static const u32 rights[4] = {0, 1, 2, 3};

static __attribute__((noinline)) void grant(const u32 *right)
{
    *(volatile u32 *)(uintptr_t)right = 3;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    grant(&AT(rights, key_number("n")));
    show_number(AT(rights, key_number("n")));
    return OK;
}
