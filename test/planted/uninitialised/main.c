/* An answer is sent of which only a part was filled in. */
#include "test/planted/planted.h"

PLANTED("sends what it never set");

struct answer {
    u8 kind;
    u32 number;
    u8 text[16];
};

static __attribute__((noinline)) void log_in(void)
{
    u8 password[64];
    fill(SPAN_OF(password), 'S');
    show(view_first(VIEW_OF(password), 0));
}

static __attribute__((noinline)) void reply(void)
{
    struct answer a;
    u8 line[64];
    struct writer w = writer_of(SPAN_OF(line));
    a.kind = 1;
    put_hex_bytes(&w, VIEW_OF(a));
    show(written(&w));
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    log_in();
    reply();
    return OK;
}
