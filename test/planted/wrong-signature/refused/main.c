#include "test/planted/planted.h"

PLANTED("casts a function to another type");

static u64 length(const struct view *text)
{
    return text->n;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    u64 (*f)(u64) = (u64(*)(u64))length;
    show_number(f(key_number("n")));
    return OK;
}
