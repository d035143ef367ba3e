#include "net/ip.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/ipv4.h"

bool ip_is_broadcast(const struct stack *s, u32 ip)
{
    if (ip == IP_BROADCAST)
        return true;
    return s->ip && s->config.prefix < 31 && ip == (s->ip | ~s->mask);
}

/* ---- routes ---- */

static bool is_group(u32 ip)
{
    return ip >> 28 == 14; /* 224.0.0.0/4 */
}

/* Addresses that no packet may come from, nor one be sent to: 0/8, 127/8 and what
 * lies above multicast (RFC 1122 §3.2.1.3). */
static bool is_nobody(u32 ip)
{
    return ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 == 15;
}

static void look_up(struct stack *s, struct ip_route *r)
{
    r->epoch = s->epoch;
    r->neighbor = arp_find(s, r->next_hop);
    r->mtu = path_mtu(s, ip_to4(r->remote));
}

/* There is no loopback: an appliance does not talk to itself through the stack. */
enum err ip_route(struct stack *s, struct ip_addr to, struct ip_route *out)
{
    u32 ip = ip_is4(to) ? ip_to4(to) : 0;
    if (!s->ip || ip == s->ip || is_group(ip) || (is_nobody(ip) && ip != IP_BROADCAST))
        return ERR_UNREACHABLE;
    *out = (struct ip_route){.local = ip4(s->ip), .remote = to, .next_hop = ip};
    if (ip_is_broadcast(s, ip))
        out->next_hop = IP_BROADCAST;
    else if (!ip_on_link(s, ip))
        out->next_hop = s->gateway;
    if (!out->next_hop)
        return ERR_UNREACHABLE;
    look_up(s, out);
    return OK;
}

void ip_route_broadcast(struct stack *s, u32 local, struct ip_route *out)
{
    *out = (struct ip_route){
        .local = ip4(local),
        .remote = ip4(IP_BROADCAST),
        .next_hop = IP_BROADCAST,
        .epoch = s->epoch,
        .neighbor = NEIGHBOR_BROADCAST,
        .mtu = s->dev->mtu,
    };
}

void ip_route_renew(struct stack *s, struct ip_route *r)
{
    if (unlikely(r->epoch != s->epoch))
        look_up(s, r);
}

u16 ip_next_id(struct stack *s, u32 ip)
{
    u16 *id = &AT(s->ids, wrap_mul64(ip ^ s->ids_key, 0x9e3779b97f4a7c15) >> 56);
    *id = wrap_add16(*id, 1);
    return *id;
}

u32 ip_pseudo_sum(struct ip_addr from, struct ip_addr to, u8 protocol, u32 length)
{
    u32 a = ip_to4(from), b = ip_to4(to);
    return (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff) + protocol + (length >> 16) +
           (length & 0xffff);
}

/* ---- input ---- */

static void hand_up(struct stack *s, const struct ip_in *in, u8 protocol, u64 now)
{
    switch (protocol) {
    case IP_TCP:
        tcp_input(s, in, now);
        return;
    case IP_UDP:
        udp_input(s, in, now);
        return;
    case IP_ICMP:
        icmp_input(s, in, now);
        return;
    default:
        count_event(&s->stats.rx_dropped);
        icmp_unreachable(s, in, ICMP_PROTOCOL, now);
    }
}

/* Is it ours to read? A unicast packet in a broadcast frame is not (RFC 1122
 * §3.3.6). Without an address, only what may answer DHCP is. */
static bool is_for_us(const struct stack *s, const struct ipv4 *h, bool broadcast)
{
    if (likely(h->dst == s->ip && s->ip))
        return !broadcast;
    if (h->protocol != IP_UDP)
        return false;
    return ip_is_broadcast(s, h->dst) || (!s->ip && !is_nobody(h->dst) && !is_group(h->dst));
}

/* A source that could be answered (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7). */
static bool is_martian(const struct stack *s, u32 src)
{
    return is_nobody(src) || is_group(src) || src == s->ip || ip_is_broadcast(s, src);
}

/* A time to live of 0 is no reason to drop what has arrived (RFC 1122 §3.2.1.7). */
void ip_input(struct stack *s, struct view packet, const struct net_offload *offload, bool broadcast, u64 now)
{
    struct ipv4 h = {0};
    if (ipv4_decode(packet, &h) != OK) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    if (!is_for_us(s, &h, broadcast) || is_martian(s, h.src)) {
        count_event(&s->stats.rx_dropped);
        return;
    }
    struct ip_in in = {
        .from = ip4(h.src),
        .to = ip4(h.dst),
        .payload = h.payload,
        .ttl = h.ttl,
        .tos = h.tos,
        .broadcast = broadcast || h.dst != s->ip,
        .csum_checked = (offload->flags & (NET_NEEDS_CSUM | NET_DATA_VALID)) != 0,
        .gso_size = offload->gso == NET_GSO_NONE ? 0 : offload->gso_size,
    };
    s->rx_header = h.header;
    if (unlikely(h.more_fragments || h.offset > 0)) {
        in.csum_checked = false;
        in.gso_size = 0;
        if (!reassembly_add(s, &h, &in, now))
            return;
    }
    hand_up(s, &in, h.protocol, now);
}
