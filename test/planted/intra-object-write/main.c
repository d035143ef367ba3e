/* A name that is too long for its field would end in the field behind it. */
#include "test/planted/planted.h"

PLANTED("writes out of one field of a struct into the next");

struct session {
    u8 name[16];
    u8 is_admin[8];
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 request[64];
    struct session session = {0};
    fill(SPAN_OF(request), 1);
    copy(SPAN_OF(session.name), view_first(VIEW_OF(request), key_number("n")));
    show_number(AT(session.is_admin, 0));
    return OK;
}
