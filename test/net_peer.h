/* The other side of a stack under test, played by hand over the simulator: sends
 * any packet, well-formed or not, and looks at what comes back. One stack at
 * 10.0.0.1/24 with gateway 10.0.0.254, one peer that can be anybody. */
#ifndef TEST_NET_PEER_H
#define TEST_NET_PEER_H

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "net/internal.h"
#include "sig/clock.h"
#include "test/test.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

#define IP4(a, b, c, d) ((u32)(a) << 24 | (u32)(b) << 16 | (u32)(c) << 8 | (u32)(d))

__attribute__((unused)) static const u32 US = IP4(10, 0, 0, 1), PEER = IP4(10, 0, 0, 2),
                                         GATEWAY = IP4(10, 0, 0, 254);

struct peer {
    struct sim_link *link;
    struct net_dev *dev, *stack_dev;
    struct stack *stack;
    u64 mac;
    u8 packet[65536];  /* the last one received, from the Ethernet header on */
    size_t packet_n;
};

__attribute__((unused)) static struct stack_config peer_config(void)
{
    return (struct stack_config){
        .ip = US,
        .gateway = GATEWAY,
        .prefix = 24,
        .connections = 16,
        .udp_ports = 8,
        .buffer_bytes = 4 << 20,
        .send_max_bytes = 1 << 18,
        .receive_max_bytes = 1 << 18,
    };
}

__attribute__((unused)) static struct peer *peer_start(const struct stack_config *config, u32 features)
{
    struct peer *p = NEW(sim_arena(), struct peer);
    p->link = sim_link_new(NULL);
    p->stack_dev = sim_dev(p->link, features);
    p->dev = sim_dev(p->link, 0);
    p->dev->mtu = 9000;
    p->mac = eth_mac(VIEW_OF(p->dev->mac));
    if (stack_new(&p->stack, sim_arena(), p->stack_dev, config) != OK)
        return NULL;
    return p;
}

__attribute__((unused)) static u64 peer_after(u64 ms)
{
    return clock_mono_ns() + ms * NS_PER_MS;
}

__attribute__((unused)) static void peer_arp(struct peer *p, u16 op, u64 to, struct arp a)
{
    u8 frame[64];
    struct writer w = writer_of(SPAN_OF(frame));
    a.op = op;
    eth_encode(&w, &(struct eth){.dst = to, .src = p->mac, .type = ETH_ARP});
    arp_encode(&w, &a);
    sim_send(p->dev, written(&w));
}

/* An IP packet to the stack; `h` lacks only length and addresses left 0. */
__attribute__((unused)) static void peer_ip(struct peer *p, struct ipv4 h, struct view payload)
{
    static u8 frame[66000];
    struct writer w = writer_of(SPAN_OF(frame));
    eth_encode(&w,
               &(struct eth){.dst = eth_mac(VIEW_OF(p->stack_dev->mac)), .src = p->mac, .type = ETH_IPV4});
    h.length = (u16)(IPV4_HEADER + payload.n);
    h.src = h.src ? h.src : PEER;
    h.dst = h.dst ? h.dst : US;
    h.ttl = h.ttl ? h.ttl : 64;
    ipv4_encode(&w, &h);
    put_bytes(&w, payload);
    sim_send(p->dev, written(&w));
}

__attribute__((unused)) static void put_sum_at(struct span packet, size_t at, u32 sum)
{
    store_be16(packet, at, 0);
    store_be16(packet, at, (u16)(0xffff - ip_sum_fold(ip_sum(view_of(packet), sum))));
}

/* A datagram made whole, in `out`, to be sent at once or in pieces. */
__attribute__((unused)) static struct view peer_udp_packet(struct span out, u16 from, u16 to,
                                                           struct view data)
{
    struct writer w = writer_of(out);
    udp_encode(&w, &(struct udp){.from = from, .to = to, .length = (u16)(UDP_HEADER + data.n)});
    put_bytes(&w, data);
    struct span packet = span_first(out, written(&w).n);
    put_sum_at(packet, UDP_SUM_OFFSET, ip_pseudo_sum(ip4(PEER), ip4(US), IP_UDP, (u32)packet.n));
    return view_of(packet);
}

__attribute__((unused)) static void peer_udp(struct peer *p, u16 from, u16 to, struct view data)
{
    static u8 packet[65536];
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, peer_udp_packet(SPAN_OF(packet), from, to, data));
}

__attribute__((unused)) static struct view peer_icmp_packet(struct span out, const struct icmp *m)
{
    struct writer w = writer_of(out);
    icmp_encode(&w, m);
    put_bytes(&w, m->payload);
    struct span packet = span_first(out, written(&w).n);
    put_sum_at(packet, ICMP_SUM_OFFSET, 0);
    return view_of(packet);
}

__attribute__((unused)) static void peer_icmp(struct peer *p, const struct icmp *m)
{
    static u8 packet[65536];
    peer_ip(p, (struct ipv4){.protocol = IP_ICMP}, peer_icmp_packet(SPAN_OF(packet), m));
}

/* The next frame of a type within a time; what else comes is passed over. */
__attribute__((unused)) static bool peer_next(struct peer *p, u16 type, struct eth *out, u64 ms)
{
    u64 deadline = peer_after(ms);
    struct net_rx rx;
    while (sim_recv(p->dev, &rx, deadline) == OK) {
        copy(SPAN_OF(p->packet), rx.frame);
        p->packet_n = rx.frame.n;
        if (eth_decode(view_first(VIEW_OF(p->packet), p->packet_n), out) == OK && out->type == type)
            return true;
    }
    return false;
}

__attribute__((unused)) static bool peer_next_arp(struct peer *p, struct arp *out, u64 ms)
{
    struct eth e;
    return peer_next(p, ETH_ARP, &e, ms) && arp_decode(e.payload, out) == OK;
}

/* Answers ARP questions for PEER and GATEWAY on the way. */
__attribute__((unused)) static bool peer_next_ip(struct peer *p, struct ipv4 *out, u64 ms)
{
    u64 deadline = peer_after(ms);
    struct net_rx rx;
    while (sim_recv(p->dev, &rx, deadline) == OK) {
        struct eth e;
        struct arp a;
        copy(SPAN_OF(p->packet), rx.frame);
        p->packet_n = rx.frame.n;
        if (eth_decode(view_first(VIEW_OF(p->packet), p->packet_n), &e) != OK)
            continue;
        if (e.type == ETH_ARP && arp_decode(e.payload, &a) == OK && a.op == ARP_REQUEST &&
            (a.target_ip == PEER || a.target_ip == GATEWAY))
            peer_arp(p, ARP_REPLY, e.src, (struct arp){0, p->mac, e.src, a.target_ip, a.sender_ip});
        if (e.type == ETH_IPV4)
            return ipv4_decode(e.payload, out) == OK;
    }
    return false;
}

/* Whole datagrams only: collects fragments that come in order. */
__attribute__((unused)) static bool peer_next_datagram(struct peer *p, struct ipv4 *out, struct span into,
                                                       u64 ms)
{
    size_t n = 0;
    do {
        if (!peer_next_ip(p, out, ms) || out->offset != n)
            return false;
        copy(span_from(into, n), out->payload);
        n += out->payload.n;
    } while (out->more_fragments);
    out->payload = view_of(span_first(into, n));
    return true;
}

__attribute__((unused)) static struct view pattern(struct span into, u32 seed)
{
    struct random r;
    random_seed(&r, seed);
    for (size_t i = 0; i < into.n; i++)
        span_set(into, i, (u8)random_u64(&r));
    return view_of(into);
}

#endif
