/* As many bytes of a name as a stranger asks for; behind it lies a password. */
#include "test/planted/planted.h"

PLANTED("reads out of one field of a struct into the next");

struct account {
    u8 name[8];
    u8 password[8];
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct account a = {"mallory", "SECRET"};
    show(view_first(VIEW_OF(a.name), key_number("n")));
    return OK;
}
