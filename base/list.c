#include "base/list.h"

/* Between two neighbours of a ring. */
static void insert(struct link *x, struct link *prev, struct link *next)
{
    must(!x->next);
    x->prev = prev;
    x->next = next;
    prev->next = x;
    next->prev = x;
}

static struct link *ring_of(struct list *l)
{
    if (!l->head.next)
        l->head.next = l->head.prev = &l->head;
    return &l->head;
}

void list_push_back(struct list *l, struct link *x)
{
    struct link *head = ring_of(l);
    insert(x, head->prev, head);
}

void list_push_front(struct list *l, struct link *x)
{
    struct link *head = ring_of(l);
    insert(x, head, head->next);
}

static inline void take_out(struct link *x)
{
    must(x->next->prev == x && x->prev->next == x);
    x->next->prev = x->prev;
    x->prev->next = x->next;
    x->next = x->prev = NULL;
}

void list_remove(struct link *x)
{
    if (x->next)
        take_out(x);
}

struct link *list_pop(struct list *l)
{
    struct link *x = list_first(l);
    if (x)
        take_out(x);
    return x;
}
