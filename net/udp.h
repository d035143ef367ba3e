/* UDP (RFC 768, RFC 1122 §4.1): sockets by port, each a sig/dgram. What arrives is
 * read in place by a fiber that waits; what nobody has read when the turn ends is
 * copied into the stack's bounded memory, or dropped where that is full. The tables
 * are taken from the stack's arena by the first udp_open, so that an image that
 * opens none does not pay for them. */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "base/map.h"
#include "base/pool.h"
#include "net/ip.h"

enum {
    UDP_DATAGRAMS = 256,      /* received and not yet done with, of all sockets */
    UDP_QUEUE_MAX = 128,      /* of one */
    UDP_EPHEMERAL = 49152,    /* RFC 6335 §6: from here up to 65535 */
};

struct udp_socket {
    struct dgram dgram;
    struct stack *stack;
    struct map_node node;     /* by port */
    struct list queue;        /* of struct udp_datagram, by `queued` */
    struct waiters readers;
    struct ip_route route;    /* of the last send */
    u32 queue_n, waiting;
    size_t kept_bytes;
    u16 port;
    bool over;                /* nothing comes or goes any more: closed, or its stack is */
    bool closed;              /* its last reader gives it back */
};

struct udp_datagram {
    struct link queued;       /* in its socket's queue, or among those handed out */
    struct link fresh;        /* among those that came this turn */
    struct udp_socket *socket;
    struct dgram_in in;
    struct span run;          /* of stack.blocks; empty: lies in the burst */
};

struct udp_table {
    struct arena *arena;
    struct pool sockets, datagrams;
    struct map by_port;
    struct list fresh, handed;
    bool ready;
};

void udp_init(struct stack *s, struct arena *a);

/* The turn ends: what was handed out is released, what was not read is kept. */
void udp_settle(struct stack *s);

void udp_close_all(struct stack *s);

#endif
