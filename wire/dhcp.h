/* DHCP messages (RFC 2131 §2) and the options that a client needs (RFC 2132). What
 * a message does not say is 0 or empty. Option overloading (RFC 2132 §9.3) is
 * followed; of an option that comes twice the first counts. */
#ifndef WIRE_DHCP_H
#define WIRE_DHCP_H

#include "base/codec.h"

enum { DHCP_MESSAGE_MAX = 576, DHCP_RESOLVERS = 2 };

enum dhcp_op { DHCP_BOOTREQUEST = 1, DHCP_BOOTREPLY = 2 };

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
};

struct dhcp_message {
    u8 op, type;
    u16 secs;
    bool broadcast;                   /* answer by broadcast, please */
    u32 xid;
    u32 ciaddr, yiaddr;               /* the client's own address; the one given to it */
    u64 chaddr;                       /* its hardware address (wire/eth.h) */
    u32 requested, server;            /* options 50, 54 */
    u32 mask, router;                 /* options 1, 3 */
    u32 resolvers[DHCP_RESOLVERS];    /* option 6 */
    u32 lease_s, t1_s, t2_s;          /* options 51, 58, 59 */
    struct view hostname;             /* option 12 */
};

/* ERR_MALFORMED; ERR_UNSUPPORTED: for other hardware, or BOOTP. */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; */
enum err dhcp_decode(struct view packet, struct dhcp_message *out);

/* Writes a message with all that is set; one from a client also carries its
 * identifier (option 61), and where it expects an answer what it would like to
 * know (55) and how long that may be (57). */
void dhcp_encode(struct writer *w, const struct dhcp_message *m);

#endif
