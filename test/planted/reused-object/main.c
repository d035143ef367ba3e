/* An object of a pool is not set by its second owner, who shows what is in it. */
#include "test/planted/planted.h"

PLANTED("shows what the last owner of its memory left");

struct user {
    u8 password[16];
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool users;
    TRY(PLANTED_POOL(&users, 1, struct user));
    struct user *alice = pool_new(&users);
    copy(SPAN_OF(alice->password), VIEW("SECRET"));
    pool_free(&users, alice);
    const struct user *bob = pool_new(&users);
    u8 line[64];
    struct writer w = writer_of(SPAN_OF(line));
    put_hex_bytes(&w, VIEW_OF(bob->password));
    show(written(&w));
    return OK;
}
