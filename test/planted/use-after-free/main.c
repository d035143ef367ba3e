/* A pointer to an object of a pool is used after the object was given back. */
#include "test/planted/planted.h"

PLANTED("uses an object that was released, through a pointer");

struct user {
    struct view name;
    u64 id;
};

static const struct user *last;

static void sign_off(struct pool *users, struct user *u)
{
    last = u;
    pool_free(users, u);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool users;
    TRY(PLANTED_POOL(&users, 2, struct user));
    struct user *alice = pool_new(&users);
    alice->name = VIEW("alice");
    sign_off(&users, alice);
    show(last->name);
    show_number(view_at(last->name, 0));
    return OK;
}
