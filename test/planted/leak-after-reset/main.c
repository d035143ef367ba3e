/* Bytes of one request are shown after its arena was reset: what comes out is no secret. */
#include "test/planted/planted.h"

PLANTED("reads the bytes of an arena that was reset");

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct arena a;
    arena_init(&a, arena_alloc(boot_arena(), 4096, 8));
    struct view password = arena_copy(&a, VIEW("SECRET of the last request"));
    arena_reset(&a);
    u8 line[64];
    struct writer w = writer_of(SPAN_OF(line));
    put_hex_bytes(&w, view_first(password, 8));
    show(written(&w));
    show(password);
    return OK;
}
