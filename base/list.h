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

static inline bool list_empty(const struct list *l)
{
    return !l->head.next || l->head.next == &l->head;
}

/* Both need a link that is in no list. */
void list_push_back(struct list *l, struct link *x);
void list_push_front(struct list *l, struct link *x);
void list_remove(struct link *x);

/* NULL when the list is empty. */
struct link *list_pop(struct list *l);

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

#endif
