/* A TCP peer played by hand: every segment to the stack is written here, and every
 * one from it looked at. The stack is 10.0.0.1 and serves port 80; the peer is
 * 10.0.0.2 and can be any of its ports. */
#ifndef TEST_TCP_PEER_H
#define TEST_TCP_PEER_H

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "net/tcp.h"
#include "sig/clock.h"
#include "test/test.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ipv4.h"

#define HELPER __attribute__((unused)) static

enum { US = 0x0a000001, PEER = 0x0a000002 };

struct peer {
    struct net_dev *dev, *stack_dev;
    struct stack *stack;
    struct listener *listener;
    u64 mac, stack_mac;
    u8 frame[66000];
    /* One connection, seen from the peer. */
    u16 port, to_port;
    u32 seq;              /* our next */
    u32 ack;              /* their next */
    bool time;            /* with timestamps */
    u32 tsval;
    struct tcp_segment in; /* the last segment that came */
    struct stream *stream; /* their end */
};

HELPER u64 after_ms(u64 ms)
{
    return clock_mono_ns() + ms * NS_PER_MS;
}

HELPER struct stack_config peer_config(void)
{
    return (struct stack_config){
        .ip = US,
        .prefix = 24,
        .connections = 16,
        .udp_ports = 4,
        .buffer_bytes = 1 << 20,
        .send_max_bytes = 256 << 10,
        .receive_max_bytes = 64 << 10,
    };
}

HELPER bool peer_start_with(struct peer *p, struct stack_config config, u32 features)
{
    struct sim_link *link = sim_link_new(NULL);
    *p = (struct peer){
        .stack_dev = sim_dev(link, features), .dev = sim_dev(link, SIM_FEATURES), .to_port = 80};
    p->mac = eth_mac(VIEW_OF(p->dev->mac));
    p->stack_mac = eth_mac(VIEW_OF(p->stack_dev->mac));
    return stack_new(&p->stack, sim_arena(), p->stack_dev, &config) == OK &&
           tcp_listen(p->stack, 80, 8, &p->listener) == OK;
}

HELPER bool peer_start(struct peer *p)
{
    return peer_start_with(p, peer_config(), 0);
}

HELPER void peer_arp(struct peer *p)
{
    u8 frame[64];
    struct writer w = writer_of(SPAN_OF(frame));
    eth_encode(&w, &(struct eth){.dst = p->stack_mac, .src = p->mac, .type = ETH_ARP});
    arp_encode(&w, &(struct arp){ARP_REPLY, p->mac, p->stack_mac, PEER, US});
    (void)sim_send(p->dev, written(&w));
}

/* Sends any segment; ports are filled in. */
HELPER void peer_send(struct peer *p, struct tcp_segment seg, struct view text)
{
    static u8 frame[66000];
    struct writer w = writer_of(SPAN_OF(frame));
    seg.from_port = seg.from_port ? seg.from_port : p->port;
    seg.to_port = seg.to_port ? seg.to_port : p->to_port;
    if (!(seg.flags & TCP_SYN))
        seg.options.scale = TCP_SCALE_NONE;
    size_t head = tcp_header_size(&seg.options, seg.flags), n = head + text.n;
    eth_encode(&w, &(struct eth){.dst = p->stack_mac, .src = p->mac, .type = ETH_IPV4});
    ipv4_encode(&w, &(struct ipv4){.ttl = 64,
                                   .protocol = IP_TCP,
                                   .src = PEER,
                                   .dst = US,
                                   .length = (u16)(IPV4_HEADER + n),
                                   .dont_fragment = true});
    struct span packet = span_sub(SPAN_OF(frame), written(&w).n, n);
    tcp_encode(span_first(packet, head), &seg);
    copy(span_from(packet, head), text);
    u32 sum = ip_sum(view_of(packet), ip_pseudo_sum(ip4(PEER), ip4(US), IP_TCP, (u32)n));
    store_be16(packet, TCP_CSUM_OFFSET, (u16)(0xffff - ip_sum_fold(sum)));
    (void)sim_send(p->dev, (struct view){frame, written(&w).n + n});
}

/* The next segment from the stack within a time, into p->in. */
HELPER bool peer_next(struct peer *p, u64 ms)
{
    u64 deadline = after_ms(ms);
    struct net_rx rx;
    while (sim_recv(p->dev, &rx, deadline) == OK) {
        struct eth e;
        struct arp a;
        struct ipv4 h;
        copy(SPAN_OF(p->frame), rx.frame);
        if (eth_decode(view_first(VIEW_OF(p->frame), rx.frame.n), &e) != OK)
            continue;
        if (e.type == ETH_ARP && arp_decode(e.payload, &a) == OK && a.op == ARP_REQUEST &&
            a.target_ip == PEER)
            peer_arp(p);
        if (e.type != ETH_IPV4 || ipv4_decode(e.payload, &h) != OK || h.protocol != IP_TCP)
            continue;
        return tcp_decode(&p->in, h.payload) == OK;
    }
    return false;
}

HELPER bool peer_quiet(struct peer *p, u64 ms)
{
    return !peer_next(p, ms);
}

/* The next segment, and it has exactly these flags (PSH aside). */
HELPER bool peer_expect(struct peer *p, u8 flags, u64 ms)
{
    if (!peer_next(p, ms)) {
        printf("# no segment within %llu ms\n", (unsigned long long)ms);
        return false;
    }
    if ((p->in.flags & ~TCP_PSH) != flags)
        printf("# flags %x seq %u ack %u, %zu bytes\n", p->in.flags, p->in.seq, p->in.ack, p->in.payload.n);
    return (p->in.flags & ~TCP_PSH) == flags;
}

HELPER struct tcp_options peer_options(struct peer *p)
{
    p->tsval += p->time ? 1 : 0;
    return (struct tcp_options){.scale = TCP_SCALE_NONE,
                                .has_time = p->time,
                                .time = p->tsval,
                                .time_echo = p->in.options.has_time ? p->in.options.time : 0};
}

/* A segment of the connection, in order. */
HELPER void peer_say(struct peer *p, u8 flags, struct view text)
{
    peer_send(p,
              (struct tcp_segment){
                  .seq = p->seq, .ack = p->ack, .flags = flags, .window = 65535, .options = peer_options(p)},
              text);
    p->seq += (u32)text.n + !!(flags & TCP_FIN) + !!(flags & TCP_SYN);
}

/* Acknowledges everything up to `ack`, with a window. */
HELPER void peer_ack(struct peer *p, u32 ack, u16 window)
{
    p->ack = ack;
    peer_send(p,
              (struct tcp_segment){
                  .seq = p->seq, .ack = ack, .flags = TCP_ACK, .window = window, .options = peer_options(p)},
              VIEW_NONE);
}

/* The three-way handshake; `syn` tells the options of our SYN. */
HELPER bool peer_open_with(struct peer *p, u16 port, struct tcp_options syn)
{
    p->port = port;
    p->time = syn.has_time;
    p->seq = 1000u * port;
    p->tsval = 100000;
    syn.time = p->tsval;
    peer_send(p, (struct tcp_segment){.seq = p->seq++, .flags = TCP_SYN, .window = 65535, .options = syn},
              VIEW_NONE);
    if (!peer_expect(p, TCP_SYN | TCP_ACK, 1000) || p->in.ack != p->seq)
        return false;
    p->ack = p->in.seq + 1;
    peer_say(p, TCP_ACK, VIEW_NONE);
    return true;
}

/* A plain connection with MSS 1460, accepted. */
HELPER bool peer_open(struct peer *p, u16 port)
{
    return peer_open_with(p, port, (struct tcp_options){.mss = 1460, .scale = TCP_SCALE_NONE}) &&
           listener_accept(p->listener, &p->stream, after_ms(1000)) == OK;
}

/* One with timestamps and SACK. */
HELPER bool peer_open_modern(struct peer *p, u16 port)
{
    struct tcp_options o = {.mss = 1460, .scale = 7, .sack_permitted = true, .has_time = true};
    return peer_open_with(p, port, o) && listener_accept(p->listener, &p->stream, after_ms(1000)) == OK;
}

HELPER struct tcb *peer_tcb(struct peer *p)
{
    return CONTAINER(p->stream, struct tcb, stream);
}

/* Nothing is left but TIME_WAIT. */
HELPER bool peer_clean(struct peer *p)
{
    struct tcp *t = stack_tcp(p->stack);
    struct stack_stats s = stack_stats(p->stack);
    if (s.tcp_open == 0 && s.buffer_used_bytes == 0 && t->buffers.reserved + t->buffers.sending == 0 &&
        t->boards.used == 0 && t->half_open == 0 && t->by_tuple.count == 0)
        return true;
    printf("# open %u, buffers %zu, reserved %zu, boards %u, half open %u\n", s.tcp_open, s.buffer_used_bytes,
           t->buffers.reserved + t->buffers.sending, t->boards.used, t->half_open);
    return false;
}

HELPER bool peer_end(struct peer *p)
{
    stream_abort(p->stream);
    bool clean = peer_clean(p);
    stack_close(p->stack);
    return clean;
}

/* A scenario is a function of the peer; SCENARIO makes it a test. Where its checks
 * fail test_failed is set, and the world ends with the stack still in it. */
#define SCENARIO(name)                                              \
    static void name##_run(struct peer *p);                         \
    static void name##_start(void *arg)                             \
    {                                                               \
        (void)arg;                                                  \
        struct peer *p = NEW(sim_arena(), struct peer);             \
        CHECK(peer_start(p));                                       \
        name##_run(p);                                              \
        if (test_failed)                                            \
            loop_remove(&p->stack->source);                         \
    }                                                               \
    TEST(name) { sim_run(1, name##_start, NULL); }                  \
    wraps static void name##_run(struct peer *p)

static const u8 text_bytes[65536];

HELPER struct view text_of(size_t n)
{
    return view_first(VIEW_OF(text_bytes), n);
}

#endif
