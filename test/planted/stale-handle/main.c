/* A handle outlives its object, whose slot has a new owner. */
#include "test/planted/planted.h"

PLANTED("uses the handle of an object that was released");

struct user {
    u64 id;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool users;
    TRY(PLANTED_POOL(&users, 2, struct user));
    struct user *alice = pool_new(&users);
    struct handle login = pool_handle(&users, alice);
    pool_free(&users, alice);
    struct user *bob = pool_new(&users);
    bob->id = 1002;
    const struct user *me = pool_ref(&users, login);
    show_number(me->id);
    return OK;
}
