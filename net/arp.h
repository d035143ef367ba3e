/* ARP (RFC 826): who on the link has which hardware address. A fixed table; what
 * is least recently used gives way, never what was used within the last minute.
 * Addresses under resolution have a limit of their own, and so have the packets
 * that wait for them, so neither a scan through us nor a flood of requests at us
 * pushes out a neighbour in use. Gratuitous ARP changes entries, never makes one. */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "base/map.h"
#include "base/pool.h"
#include "fiber/timer.h"
#include "net/ip.h"

enum {
    ARP_NEIGHBORS = 256,
    ARP_INCOMPLETE_MAX = 32,  /* under resolution at once */
    ARP_PENDING_MAX = 3,      /* packets that wait for one neighbour … */
    ARP_PENDING_ALL = 16,     /* … and for all of them */
    ARP_PENDING_BYTES = 1984, /* the largest that waits */
    ARP_TRIES = 3,            /* requests, a second apart */
    ARP_STALE_S = 60,         /* asked again, by unicast, when used after that … */
    ARP_EXPIRE_S = 1200,      /* … and resolved anew when used only after that */
};

enum {
    NEIGHBOR_BROADCAST = 0,     /* its index in the table */
    NEIGHBOR_NONE = UINT32_MAX, /* not resolved yet */
};

enum neighbor_state {
    NEIGHBOR_FREE = 0,
    NEIGHBOR_INCOMPLETE, /* asked for; packets wait */
    NEIGHBOR_FAILED,     /* did not answer; not asked again for a second */
    NEIGHBOR_REACHABLE,
    NEIGHBOR_PROBE,      /* still used while it is asked by unicast */
};

struct neighbor {
    struct map_node node; /* by address */
    u64 mac;
    u64 used;             /* last sent to; 0: never */
    u64 stale_at;
    u64 next_try;
    u32 ip;
    u32 index;            /* of itself in the table */
    u8 state, tries, pending_n;
    struct list pending;  /* of struct arp_pending */
};

struct arp_pending {
    struct link link;
    struct net_offload offload;
    u32 n;
    u8 frame[ARP_PENDING_BYTES];
};

struct arp_table {
    u32 incomplete_n;
    u32 touched; /* neighbours from here on were never used */
    struct map by_ip;
    struct timer timer;
    struct pool pending;
    struct neighbor neighbors[ARP_NEIGHBORS];
};

enum err arp_init(struct stack *s, struct arena *a);

/* Asks for a neighbour that will be needed soon: a burst of answers to the first clients
 * would find it unknown, and most of them no room to wait. */
void arp_prepare(struct stack *s, u32 ip, u64 now);

/* The index of a neighbour that can be sent to, or NEIGHBOR_NONE. */
u32 arp_find(struct stack *s, u32 ip);

/* Its entry; marks it used. NULL: no longer good to send to, resolve it. */
struct neighbor *arp_use(struct stack *s, u32 index, u64 now);

/* Takes the completed frame (Ethernet header to be filled in) into the queue of an
 * unresolved neighbour, as a copy, and asks for it. What finds no room is dropped. */
void arp_wait(struct stack *s, u32 ip, struct ip_tx *t, size_t headers_n, struct net_offload offload,
              u64 now);

/* A packet of ethertype ARP. */
void arp_input(struct stack *s, struct view packet, u64 now);

/* Sends one: to everybody, or to `to` alone. */
void arp_send(struct stack *s, u16 op, u64 to, u32 sender_ip, u64 target_mac, u32 target_ip);

/* Forgets everybody: the address or network changed. */
void arp_forget(struct stack *s);

#endif
