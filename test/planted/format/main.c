/* A stranger's text is written as if it were the program's own. There are no formats, so
 * it is text. */
#include "test/planted/planted.h"

PLANTED("writes a stranger's text as its own");

enum err appliance_main(struct scope *root)
{
    (void)root;
    u8 line[64];
    struct view name = VIEW("%s%s%n SECRET? no");
    struct writer w = writer_of(SPAN_OF(line));
    put_bytes(&w, name);
    show(written(&w));
    return OK;
}
