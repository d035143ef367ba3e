/* Path MTU discovery's memory (RFC 1191): paths that carry less than our link. A
 * small table; the oldest entry gives way, and each is forgotten after ten minutes
 * (§6.3), so that a path may grow again. */
#ifndef NET_PATH_H
#define NET_PATH_H

#include "fiber/timer.h"
#include "net/ip.h"

enum {
    PATHS = 64,
    PATH_MTU_MIN = 552, /* what less is claimed is not believed (Linux's floor) */
    PATH_FORGET_S = 600,
};

struct path {
    u32 ip;         /* 0: free */
    u16 mtu;
    u64 expires_at;
};

struct path_table {
    u32 count;      /* in use */
    struct timer timer;
    struct path paths[PATHS];
};

void path_init(struct stack *s);

/* The MTU towards `ip`. */
u16 path_mtu(const struct stack *s, u32 ip);

/* A router said that only `mtu` bytes fit; 0: an old one that does not say, so it is
 * the next lower plateau of `tried` (§7.1). How much of that we believe: never more
 * than before, never less than PATH_MTU_MIN. */
u16 path_claim(const struct stack *s, u32 ip, u16 mtu, u16 tried);

/* Keeps what path_claim answered, once the claim has proved to be in good faith. */
void path_learn(struct stack *s, u32 ip, u16 mtu, u64 now);

#endif
