/* Reassembly of fragmented datagrams (RFC 791 §3.2) with RFC 815's holes, under
 * limits of number, memory, holes and time. Fragments that overlap without being
 * the same bytes again condemn their datagram (RFC 5722's rule, for IPv4): no
 * sender makes them, attackers do. */
#ifndef NET_REASSEMBLY_H
#define NET_REASSEMBLY_H

#include "fiber/timer.h"
#include "net/ip.h"
#include "wire/ipv4.h"

enum {
    REASSEMBLY_DATAGRAMS = 16, /* incomplete at once: the oldest gives way */
    REASSEMBLY_HOLES = 32,     /* in one: enough for 64 KiB in any order of 1,500 byte packets */
    REASSEMBLY_S = 30,         /* from the first fragment to the last */
};

struct hole {
    u32 first, end; /* end: one past its last byte */
};

enum datagram_state { DATAGRAM_FREE = 0, DATAGRAM_INCOMPLETE, DATAGRAM_WHOLE /* until the turn ends */ };

struct datagram {
    u8 state, protocol, header_n;
    u16 id;
    u32 src, dst;
    u64 expires_at;
    u32 total;                        /* 0: the last fragment has not come */
    u32 holes_n;
    struct hole holes[REASSEMBLY_HOLES];
    struct span run;                  /* of stack.blocks */
    u8 header[IPV4_HEADER_MAX];       /* of the first fragment */
};

struct reassembly {
    u32 whole_n;
    struct timer timer;
    struct datagram datagrams[REASSEMBLY_DATAGRAMS];
};

void reassembly_init(struct stack *s);

/* Adds a fragment. True: it was the last one missing, and in->payload is the whole
 * datagram (until the turn ends), s->rx_header its first header. */
bool reassembly_add(struct stack *s, const struct ipv4 *h, struct ip_in *in, u64 now);

/* The turn ends: what was handed up is released. */
void reassembly_settle(struct stack *s);

#endif
