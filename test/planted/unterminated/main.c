/* A tag of four letters has no zero at its end. Views need none. */
#include "test/planted/planted.h"

PLANTED("shows a text that has no end");

struct message {
    u8 tag[4];
    u8 secret[8];
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct message m = {"GREP", "SECRET"};
    show(VIEW_OF(m.tag));
    return OK;
}
