/* A name is written into one object of a pool, and on into the next. */
#include "test/planted/planted.h"

PLANTED("writes out of one object of a pool into its neighbour");

struct user {
    u8 name[24];
    u64 is_admin;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool users;
    TRY(PLANTED_POOL(&users, 2, struct user));
    struct user *mallory = pool_new(&users), *alice = pool_new(&users);
    u64 n = key_number("n");
    for (u64 i = 0; i < n; i++)
        AT(mallory->name, i) = 1;
    show_number(alice->is_admin);
    return OK;
}
