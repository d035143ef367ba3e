/* A function pointer's memory holds a number that a stranger sent. */
#include "test/planted/planted.h"

PLANTED("calls an address that a stranger sent");

union message {
    u64 number;
    void (*done)(void);
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    union message *m = NEW(boot_arena(), union message);
    if (!m)
        return ERR_NO_MEMORY;
    m->number = key_number("n");
    m->done();
    return OK;
}
