/* Intrusive chained hash map of fixed bucket count. The node is a field of the
 * mapped struct; the caller hashes (siphash13 over outside data) and compares.
 *   for (struct map_node *n = map_first(&m, h); n; n = map_next(n, h)) … */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"

struct map_node {
    struct map_node *next;
    struct map_node **slot; /* what points here; NULL: in no map */
    u64 hash;
};

SLICE(map_buckets, struct map_node *);

struct map {
    struct map_buckets buckets; /* a power of two */
    size_t count;
};

/* Room for about `expected` nodes at one a bucket. */
enum err map_init(struct map *m, struct arena *a, size_t expected);
void map_put(struct map *m, struct map_node *n, u64 hash);
void map_remove(struct map *m, struct map_node *n); /* a node in no map: no-op */
struct map_node *map_first(const struct map *m, u64 hash); /* first with this hash, or NULL */
struct map_node *map_next(const struct map_node *n);        /* next with the same hash, or NULL */

#endif
