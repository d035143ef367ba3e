#include "base/map.h"

enum err map_init(struct map *m, struct arena *a, size_t expected)
{
    size_t n = 8;
    while (n < expected)
        n *= 2;
    *m = (struct map){.buckets = {NEW_ARRAY(a, struct map_node *, n), n}};
    return m->buckets.p ? OK : ERR_NO_MEMORY;
}

static struct map_node **bucket(const struct map *m, u64 hash)
{
    return map_buckets_at(m->buckets, hash & (m->buckets.n - 1));
}

void map_put(struct map *m, struct map_node *n, u64 hash)
{
    struct map_node **slot = bucket(m, hash);
    must(!n->slot);
    *n = (struct map_node){.next = *slot, .slot = slot, .hash = hash};
    if (n->next)
        n->next->slot = &n->next;
    *slot = n;
    m->count++;
}

void map_remove(struct map *m, struct map_node *n)
{
    if (!n->slot)
        return;
    must(*n->slot == n);
    *n->slot = n->next;
    if (n->next)
        n->next->slot = n->slot;
    n->next = NULL;
    n->slot = NULL;
    m->count--;
}

static struct map_node *with_hash(struct map_node *n, u64 hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct map_node *map_first(const struct map *m, u64 hash)
{
    return with_hash(*bucket(m, hash), hash);
}

struct map_node *map_next(const struct map_node *n)
{
    return with_hash(n->next, n->hash);
}
