/* ICMP (RFC 792, RFC 1122 §3.2.2): answers echo requests of any size, says what
 * could not be delivered (within a rate, never about broadcasts or ICMP), and
 * passes what routers say about our packets to the transport that sent them.
 * Redirects, source quench and address masks are ignored: nobody sends them in
 * good faith today. */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include "net/ip.h"
#include "wire/icmp.h"

enum {
    ICMP_QUOTE_MIN = 8,     /* transport bytes that an error quotes at least */
    ICMP_QUOTE_MAX = 548,   /* so that the error is at most 576 bytes (RFC 1812 §4.3.2.3) */
    ICMP_BURST = 32,        /* errors sent at once … */
    ICMP_INTERVAL_MS = 10,  /* … and one more each so often */
};

struct icmp_limit {
    u64 next; /* the time up to which the errors sent have used the rate up */
};

void icmp_input(struct stack *s, const struct ip_in *in, u64 now);

/* Says that the packet being handed up cannot be delivered. */
void icmp_unreachable(struct stack *s, const struct ip_in *in, u8 code, u64 now);

/* Says that a datagram was never completed: its first fragment's header and data. */
void icmp_time_exceeded(struct stack *s, struct view header, struct view data, u64 now);

/* A packet of ours (from its IP header on, perhaps cut short) was not delivered:
 * `e` says why, `mtu` how much fits if that was it (0: not said). Checked, then
 * passed to its transport. */
void icmp_report(struct stack *s, struct view packet, enum err e, u16 mtu, u64 now);

#endif
