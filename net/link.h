/* The link under IP: takes a burst of frames in, and builds a burst of frames in a
 * ring of slots to be sent together. A frame under construction (struct ip_tx) is
 * one slot with its headers, followed by parts that lie elsewhere; small payloads
 * are copied into the ring. One frame is under construction at a time. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "net/ip.h"

enum {
    LINK_FRAME_HEADER = 128,   /* Ethernet 14, IP 20, transport at most 60 */
    LINK_PARTS = 1024,         /* of all frames of a burst together */
    LINK_COPY_BYTES = 1 << 16, /* copied payload of a burst: the largest datagram fits */
};

struct ip_tx {
    struct stack *stack;
    u32 header_n;              /* of the transport */
    u32 bytes;                 /* transport header and payload */
    u32 parts_first, parts_n;  /* in link_tx.parts; the first is the headers */
    u32 copied_first;          /* in link_tx.copies */
    u8 frame[LINK_FRAME_HEADER];
};

struct link_tx {
    u32 slots_n, burst_n, parts_n, copied_n;
    bool building; /* the slot after slots_n is taken */
    bool full;     /* the device refused a frame: nothing more until the next send turn */
    struct ip_tx slots[NET_BURST_MAX];
    struct net_tx burst[NET_BURST_MAX];
    struct view parts[LINK_PARTS];
    u8 copies[LINK_COPY_BYTES];
};

struct link_rx {
    struct net_rx burst[NET_BURST_MAX];
};

/* A burst in, handed up frame by frame. False: there was none. */
bool link_take(struct stack *s, u64 now);

/* What was built goes to the device. What it does not take goes back to TCP; the rest
 * of it is dropped and counted. */
void link_flush(struct stack *s);

/* Completes the frame: `headers_n` bytes of its slot come first, then its parts. */
void link_commit(struct ip_tx *t, size_t headers_n, struct net_offload offload);

/* A frame made earlier, Ethernet header and all: copied. */
void link_send_copy(struct stack *s, struct view frame, struct net_offload offload);

#endif
