#include "test/planted/planted.h"

PLANTED("takes an array of letters for a text");

enum err appliance_main(struct scope *root)
{
    (void)root;
    char tag[4] = "GREP";
    say(tag);
    return OK;
}
