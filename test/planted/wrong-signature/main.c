/* A function is called with other arguments than it has. */
#include "test/planted/planted.h"

PLANTED("calls a function through a pointer of another type");

union handler {
    u64 (*of_number)(u64 x);
    u64 (*of_text)(const struct view *text);
};

static u64 length(const struct view *text)
{
    return text->n;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    union handler *h = NEW(boot_arena(), union handler);
    if (!h)
        return ERR_NO_MEMORY;
    h->of_text = length;
    show_number(h->of_number(key_number("n")));
    return OK;
}
