/* An object is given back while it is still in a list, and the list is walked. */
#include "test/planted/planted.h"

PLANTED("walks a list in which lies a released object");

struct waiter {
    struct link link;
    u64 ticket;
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct pool pool;
    struct list queue = {0};
    TRY(PLANTED_POOL(&pool, 4, struct waiter));
    for (u64 i = 0; i < 3; i++) {
        struct waiter *w = pool_new(&pool);
        w->ticket = i;
        list_push_back(&queue, &w->link);
    }
    pool_free(&pool, CONTAINER(list_first(&queue), struct waiter, link));
    for (struct link *l = list_first(&queue); l; l = list_next(&queue, l))
        show_number(CONTAINER(l, struct waiter, link)->ticket);
    return OK;
}
