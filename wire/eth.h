/* Ethernet II frames (RFC 894). A hardware address is a number of 48 bits, its
 * first byte the highest. Pure functions; views lie in the decoded frame. */
#ifndef WIRE_ETH_H
#define WIRE_ETH_H

#include "base/codec.h"

enum { ETH_HEADER = 14, ETH_IPV4 = 0x0800, ETH_ARP = 0x0806 };

#define ETH_BROADCAST ((u64)0xffffffffffff)

struct eth {
    u64 dst, src;
    u16 type;
    struct view payload;
};

/* True for a group address: never a sender's. */
/*@ assigns \nothing; */
static inline bool eth_is_group(u64 mac)
{
    return (mac >> 40 & 1) != 0;
}

/* The number of a device's six bytes, and the way back. */
/*@ requires six.n >= 6 && readable(six); assigns \nothing; */
u64 eth_mac(struct view six);
/*@ requires \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, 6); */
void eth_put_mac(struct writer *w, u64 mac);

/* ERR_MALFORMED: shorter than a header. */
/*@ requires readable(frame) && \valid(out); assigns *out; ensures \result == OK <==> frame.n >= ETH_HEADER;
    ensures \result == OK ==> part(out->payload, frame, ETH_HEADER, frame.n - ETH_HEADER) &&
        out->dst <= ETH_BROADCAST && out->src <= ETH_BROADCAST; */
enum err eth_decode(struct view frame, struct eth *out);

/* The header; the payload is the caller's to put. */
/*@ requires \valid(w) && open(*w) && \valid_read(e) && e->dst <= ETH_BROADCAST && e->src <= ETH_BROADCAST;
    requires \separated(e, w, w->out.p + (0 .. w->out.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, ETH_HEADER); */
void eth_encode(struct writer *w, const struct eth *e);

/* The same into the start of a frame that is being built, for the hot path. */
/*@ requires frame.n >= ETH_HEADER && writable(frame) && dst <= ETH_BROADCAST && src <= ETH_BROADCAST;
    assigns frame.p[0 .. ETH_HEADER - 1]; */
void eth_store(struct span frame, u64 dst, u64 src, u16 type);

#endif
