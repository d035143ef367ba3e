/* The inside of a stack, for net/ only: everything one stack knows hangs here.
 * Floors call the floor above with what arrived, and the floor below with what to
 * send; each keeps its own struct in its own header. */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include "base/hash.h"
#include "base/random.h"
#include "fiber/loop.h"
#include "fiber/timer.h"
#include "net/acd.h"
#include "net/arp.h"
#include "net/blocks.h"
#include "net/dhcp.h"
#include "net/icmp.h"
#include "net/link.h"
#include "net/path.h"
#include "net/reassembly.h"
#include "net/udp.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/entropy.h"

#define IP_BROADCAST ((u32)0xffffffff)

enum { IP_FLOWS = 256, IP_TTL = 64 };

/* What code reaches for most lies in front: an offset below 128 takes one byte of an
 * instruction, any other four. */
struct stack {
    struct loop_source source;
    struct net_dev *dev;
    u32 ip, mask, gateway;  /* ip 0: no address yet */
    u32 epoch;              /* of everything a route was made from; never 0 */
    u64 mac;
    struct tcp *tcp;
    struct stack_stats stats;
    struct view rx_header;  /* IP header of the packet being handed up: ICMP errors quote it */
    struct stack_config config;
    struct hash_key key;
    struct random random;
    struct waiters up;      /* in stack_wait_up */
    struct blocks blocks;   /* for what must be kept: datagrams and fragments */
    struct acd acd;
    struct icmp_limit icmp;
    struct udp_table udp;
    struct dhcp dhcp;
    struct path_table paths;
    struct reassembly reassembly;
    struct arp_table arp;
    u64 ids_key;
    u16 ids[IP_FLOWS];      /* next identification, by keyed hash of the destination */
    struct link_rx rx;
    struct link_tx tx;
};

/* Neighbours, paths or addresses changed: routes are looked up again. */
static inline void stack_changed(struct stack *s)
{
    s->epoch = s->epoch == UINT32_MAX ? 1 : s->epoch + 1;
}

/* Takes an address into use, or gives up the one it has (ip 0): what is open on it
 * is reset. */
void stack_set_address(struct stack *s, u32 ip, u8 prefix, u32 gateway, u64 now);

/* A received packet of ethertype IPv4. */
void ip_input(struct stack *s, struct view packet, const struct net_offload *offload, bool broadcast,
              u64 now);

/* True for an address of our own network (or of nowhere, while we have no address). */
static inline bool ip_on_link(const struct stack *s, u32 ip)
{
    return ((ip ^ s->ip) & s->mask) == 0;
}

/* True for 255.255.255.255 and our network's broadcast address (none in a /31 or
 * /32: RFC 3021). */
bool ip_is_broadcast(const struct stack *s, u32 ip);

/* A route to everybody on the link from `local`, which may be 0.0.0.0 (DHCP). */
void ip_route_broadcast(struct stack *s, u32 local, struct ip_route *out);

/* Looks a route up again when what it was made from has changed. */
void ip_route_renew(struct stack *s, struct ip_route *r);

/* A datagram of any size: transport header, then data; fragmented where it must
 * be. ERR_LIMIT: no room in the burst; dropped and counted. */
struct ip_datagram {
    u8 protocol;
    u16 csum_offset;
    struct view header, data;
};
enum err ip_send(struct stack *s, struct ip_route *route, const struct ip_datagram *d, u64 now);

/* Cuts a completed packet that exceeds the path's MTU; gives it back to the ring. */
void ip_fragment(struct ip_tx *t, struct ip_route *route, u8 protocol, u16 csum_offset, u64 now);

/* The next identification for packets to `ip` (RFC 6864: needed where fragments can be). */
u16 ip_next_id(struct stack *s, u32 ip);

#endif
