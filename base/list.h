/* Intrusive doubly linked list: the link is a field of the listed struct, so a
 * list allocates nothing and removal is O(1). A link that is in no list is zero
 * or has been list_remove'd; removing such a link is a no-op. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/types.h"

struct link {
    struct link *next, *prev; /* both NULL: in no list */
};

struct list {
    struct link head; /* a ring; zero means empty and not yet used */
};

static inline bool link_listed(const struct link *l)
{
    return l->next != NULL;
}

static inline void list_init_(struct list *l)
{
    if (!l->head.next)
        l->head.next = l->head.prev = &l->head;
}

static inline bool list_empty(const struct list *l)
{
    return !l->head.next || l->head.next == &l->head;
}

/* Both need a link that is in no list. */
static inline void list_push_back(struct list *l, struct link *x)
{
    list_init_(l);
    must(!x->next);
    x->prev = l->head.prev;
    x->next = &l->head;
    x->prev->next = x;
    l->head.prev = x;
}

static inline void list_push_front(struct list *l, struct link *x)
{
    list_init_(l);
    must(!x->next);
    x->next = l->head.next;
    x->prev = &l->head;
    x->next->prev = x;
    l->head.next = x;
}

static inline void list_remove(struct link *x)
{
    if (!x->next)
        return;
    must(x->next->prev == x && x->prev->next == x);
    x->next->prev = x->prev;
    x->prev->next = x->next;
    x->next = x->prev = NULL;
}

/* NULL when the list is empty. */
static inline struct link *list_first(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.next;
}

static inline struct link *list_last(const struct list *l)
{
    return list_empty(l) ? NULL : l->head.prev;
}

static inline struct link *list_next(const struct list *l, const struct link *x)
{
    return x->next == &l->head ? NULL : x->next;
}

static inline struct link *list_pop(struct list *l)
{
    struct link *x = list_first(l);
    if (x)
        list_remove(x);
    return x;
}

#endif
