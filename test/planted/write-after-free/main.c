/* A number is written to an object that was given back; the next owner would find it. */
#include "test/planted/planted.h"

PLANTED("writes to an object that was released");

struct user {
    u64 id, is_admin;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool users;
    TRY(PLANTED_POOL(&users, 2, struct user));
    struct user *alice = pool_new(&users);
    struct user *again = alice;
    pool_free(&users, alice);
    again->is_admin = 1;
    const struct user *bob = pool_new(&users);
    show_number(bob->is_admin);
    return OK;
}
