#include "base/num.h"
#include "net/internal.h"
#include "wire/eth.h"
#include "wire/ipv4.h"

/* Transport header and payload. A piece of odd length turns the bytes of all that
 * follows round (RFC 1071 §2(B)). */
static u32 sum_of(const struct ip_tx *t, u32 sum)
{
    sum = ip_sum(view_sub(VIEW_OF(t->frame), ETH_HEADER + IPV4_HEADER, t->header_n), sum);
    bool odd = t->header_n & 1;
    for (u32 i = 1; i < t->parts_n; i++) {
        struct view part = AT(t->stack->tx.parts, t->parts_first + i);
        u16 piece = ip_sum_fold(ip_sum(part, 0));
        sum += odd ? swap16(piece) : piece;
        odd ^= part.n & 1;
    }
    return sum;
}

/* Writes the checksum: whole, or as far as the device wants it (the pseudo header's
 * sum). ICMP has no pseudo header, and devices only know of TCP and UDP. */
static bool put_sum(struct ip_tx *t, const struct ip_route *route, u8 protocol, u16 csum_offset,
                    bool by_device)
{
    struct span at = span_from(ip_tx_header(t), csum_offset);
    u32 sum = protocol == IP_ICMP ? 0 : ip_pseudo_sum(route->local, route->remote, protocol, t->bytes);
    by_device = by_device && protocol != IP_ICMP;
    if (by_device) {
        store_be16(at, 0, ip_sum_fold(sum));
        return true;
    }
    u16 whole = (u16)(0xffff - ip_sum_fold(sum_of(t, sum)));
    if (protocol == IP_UDP && whole == 0)
        whole = 0xffff; /* RFC 768: 0 would say that there is none */
    store_be16(at, 0, whole);
    return false;
}

static void put_ip(struct ip_tx *t, const struct ip_route *route, const struct ipv4 *rest)
{
    struct ipv4 h = *rest;
    h.ttl = IP_TTL;
    h.length = to_u16(IPV4_HEADER + t->bytes);
    h.src = ip_to4(route->local);
    h.dst = ip_to4(route->remote);
    ipv4_store(span_sub(SPAN_OF(t->frame), ETH_HEADER, IPV4_HEADER), &h);
}

/* To the neighbour if it is known, else into its queue. */
static void to_link(struct ip_tx *t, struct ip_route *route, struct net_offload offload, u64 now)
{
    struct stack *s = t->stack;
    size_t headers_n = ETH_HEADER + IPV4_HEADER + t->header_n;
    struct neighbor *n = route->neighbor < ARP_NEIGHBORS ? arp_use(s, route->neighbor, now) : NULL;
    if (likely(n)) {
        eth_store(SPAN_OF(t->frame), n->mac, s->mac, ETH_IPV4);
        link_commit(t, headers_n, offload);
    } else {
        arp_wait(s, route->next_hop, t, headers_n, offload, now);
    }
}

static struct net_offload offload_of(const struct ip_tx *t, u8 protocol, u16 csum_offset, u16 gso_size)
{
    struct net_offload o = {
        .flags = NET_NEEDS_CSUM,
        .csum_start = ETH_HEADER + IPV4_HEADER,
        .csum_offset = csum_offset,
    };
    if (gso_size > 0) {
        o.gso = protocol == IP_TCP ? NET_GSO_TCP4 : NET_GSO_UDP;
        o.gso_size = gso_size;
        o.hdr_len = (u16)(ETH_HEADER + IPV4_HEADER + t->header_n);
    }
    return o;
}

/* TCP's packets are never fragmented on the way, so their identification means
 * nothing (RFC 6864 §4.1) and gives nothing away. */
void ip_tx_send(struct ip_tx *t, struct ip_route *route, u8 protocol, u16 csum_offset, u16 gso_size, u64 now)
{
    struct stack *s = t->stack;
    ip_route_renew(s, route);
    if (unlikely(IPV4_HEADER + t->bytes > route->mtu && gso_size == 0)) {
        ip_fragment(t, route, protocol, csum_offset, now);
        return;
    }
    struct ipv4 h = {.protocol = protocol, .dont_fragment = protocol == IP_TCP};
    if (!h.dont_fragment)
        h.id = ip_next_id(s, ip_to4(route->remote));
    put_ip(t, route, &h);
    bool by_device = (s->dev->features & NET_CSUM) != 0;
    struct net_offload offload = {0};
    if (put_sum(t, route, protocol, csum_offset, by_device))
        offload = offload_of(t, protocol, csum_offset, gso_size);
    to_link(t, route, offload, now);
}

/* ---- fragments ---- */

/* A packet taken off the ring, to be cut. */
struct whole {
    struct view header;
    u32 parts_n;
    struct view parts[NET_PARTS_MAX];
};

/* Appends n bytes of the payload from `at` on. */
static void add_piece(struct ip_tx *t, const struct whole *p, size_t at, size_t n)
{
    for (u32 i = 0; i < p->parts_n && n > 0; i++) {
        struct view part = AT(p->parts, i);
        if (at >= part.n) {
            at -= part.n;
            continue;
        }
        size_t take = MIN(part.n - at, n);
        ip_tx_part(t, view_sub(part, at, take));
        n -= take;
        at = 0;
    }
}

static bool send_fragment(struct stack *s, const struct whole *p, struct ip_route *route,
                          const struct ipv4 *h, size_t n, u64 now)
{
    bool first = h->offset == 0;
    struct ip_tx *t = ip_tx_begin(s, first ? p->header.n : 0);
    if (!t) {
        count_event(&s->stats.tx_dropped);
        return false;
    }
    if (first) {
        copy(ip_tx_header(t), p->header);
        add_piece(t, p, 0, n - p->header.n);
    } else {
        add_piece(t, p, h->offset - p->header.n, n);
    }
    put_ip(t, route, h);
    to_link(t, route, (struct net_offload){0}, now);
    return true;
}

/* Copied payload stays where it is in the ring until all fragments have been sent,
 * also when the ring has to be emptied in between. */
void ip_fragment(struct ip_tx *t, struct ip_route *route, u8 protocol, u16 csum_offset, u64 now)
{
    struct stack *s = t->stack;
    u8 header[IP_TX_HEADER_MAX];
    put_sum(t, route, protocol, csum_offset, false);
    copy(SPAN_OF(header), view_of(ip_tx_header(t)));
    struct whole p = {.header = view_first(VIEW_OF(header), t->header_n), .parts_n = t->parts_n - 1};
    for (u32 i = 0; i < p.parts_n; i++)
        AT(p.parts, i) = AT(s->tx.parts, t->parts_first + i + 1);
    u32 copied_n = s->tx.copied_n, total = t->bytes;
    ip_tx_drop(t);
    struct ipv4 h = {.protocol = protocol, .id = ip_next_id(s, ip_to4(route->remote))};
    u32 room = (route->mtu - IPV4_HEADER) & ~(u32)7;
    for (u32 at = 0; at < total; at += room) {
        h.offset = to_u16(at);
        h.more_fragments = total - at > room;
        if (!send_fragment(s, &p, route, &h, MIN(total - at, room), now))
            break;
    }
    s->tx.copied_n = MAX(s->tx.copied_n, copied_n);
}

enum err ip_send(struct stack *s, struct ip_route *route, const struct ip_datagram *d, u64 now)
{
    struct ip_tx *t = ip_tx_begin(s, d->header.n);
    if (!t) {
        count_event(&s->stats.tx_dropped);
        return ERR_LIMIT;
    }
    copy(ip_tx_header(t), d->header);
    if (!ip_tx_copy(t, d->data)) {
        ip_tx_drop(t);
        count_event(&s->stats.tx_dropped);
        return ERR_LIMIT;
    }
    ip_tx_send(t, route, d->protocol, d->csum_offset, 0, now);
    return OK;
}
