/* The DHCP client (RFC 2131): gets an address, keeps it, gives it back. An engine:
 * its states are those of the RFC's Figure 5, it never blocks and takes the time as
 * an argument. Three deviations, all for a quick start: it does not wait one to ten
 * seconds before the first DHCPDISCOVER (§4.4.1), which is meant for a hall of
 * machines after a power cut; it repeats a message after one second first, not
 * after four (§4.1); and it takes the address into use while the probes that would
 * decline it still run (net/acd.h). */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include "fiber/timer.h"
#include "net/ip.h"
#include "wire/dhcp.h"

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
    u32 ip, router, server;
    u32 resolvers[DHCP_RESOLVERS];
    u8 prefix;
    u64 t1_at, t2_at, ends_at; /* FOREVER: has no end */
};

struct dhcp {
    struct timer timer;
    enum dhcp_state state;
    u32 xid;
    u32 tries;               /* of the message being repeated */
    u64 started_at;          /* of this acquisition: the message's secs */
    u64 requested_at;        /* the lease counts from here */
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
