/* The DHCP client (RFC 2131): gets an address, keeps it, gives it back. An engine:
 * its states are those of the RFC's Figure 5, it never blocks and takes the time as
 * an argument. Two deviations, both for the start: it does not wait one to ten
 * seconds before the first DHCPDISCOVER (§4.4.1), which is meant for a hall of
 * machines after a power cut, and it takes the address into use while the probes
 * that would decline it still run (net/acd.h). */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include "fiber/timer.h"
#include "net/ip.h"

enum { DHCP_CLIENT_PORT = 68, DHCP_SERVER_PORT = 67, DHCP_HOSTNAME_MAX = 63 };

enum dhcp_state {
    DHCP_STOPPED = 0,
    DHCP_INIT,       /* waits before it starts anew: after a DHCPNAK, a DHCPDECLINE, a lost lease */
    DHCP_SELECTING,
    DHCP_REQUESTING,
    DHCP_BOUND,
    DHCP_RENEWING,
    DHCP_REBINDING,
};

/* What was offered, then leased. Addresses in host order; 0: not said. */
struct dhcp_lease {
    u32 ip, mask, router, server, dns[2];
    u32 lease_s, t1_s, t2_s;
};

struct dhcp {
    struct timer timer;
    enum dhcp_state state;
    u32 xid;
    u32 tries;               /* of the message being repeated */
    u64 started_at;          /* of this acquisition: the message's secs */
    u64 requested_at;        /* the lease counts from here */
    u64 t1_at, t2_at, ends_at;
    struct dhcp_lease lease; /* offered in REQUESTING, held from BOUND on */
};

/* Starts to look for a lease. */
void dhcp_start(struct stack *s, u64 now);

/* A datagram to the client's port. */
void dhcp_input(struct stack *s, struct view message, u64 now);

/* Somebody else uses the address: declines it and starts anew, ten seconds later. */
void dhcp_conflict(struct stack *s, u64 now);

/* Gives the lease back, if there is one, and stops. */
void dhcp_release(struct stack *s, u64 now);

#endif
