/* Address conflict detection (RFC 5227): is the address we use ours alone?
 * One deviation, for the sake of starting in a millisecond instead of seven
 * seconds: the address is announced and used at once, and the probes of §2.1.1 run
 * beside that. An answer to one of them is treated as a conflict while in use:
 * a configured address is defended (§2.4 (c)), a leased one declined (§2.1.1). */
#ifndef NET_ACD_H
#define NET_ACD_H

#include "fiber/timer.h"
#include "net/stack.h"
#include "wire/arp.h"

struct acd {
    struct timer timer;
    u64 probe_at, announce_at, defended_at, logged_at;
    u8 probes, announcements; /* still to be sent */
    bool conflict;            /* seen since acd_start */
};

/* The stack has a new address. */
void acd_start(struct stack *s, u64 now);
void acd_stop(struct stack *s);

/* Every ARP packet passes here. True: it claims our address, and is dealt with. */
bool acd_input(struct stack *s, const struct arp *a, u64 now);

#endif
