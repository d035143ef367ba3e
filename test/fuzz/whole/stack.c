/* A whole stack on the simulator, with a TCP and a UDP echo on it, under a peer whose
 * every step is the fuzzer's: raw frames, ARP, fragments, datagrams, ICMP errors about
 * what the stack sent, and TCP segments that lie near the ones it expects. Nothing may
 * trap, and when all is closed every buffer is back. */
#include "base/num.h"
#include "fiber/fiber.h"
#include "host/sim/sim.h"
#include "net/stack.h"
#include "sig/clock.h"
#include "test/fuzz/fuzz.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { US = 0x0a000001, PEER = 0x0a000002, PORTS = 4, PORT_TCP = 80, PORT_UDP = 53, STEPS_MAX = 200 };

/* A connection as the peer sees it. */
struct peer_conn {
    u32 seq, ack;
};

struct world {
    struct reader script;
    struct net_dev *dev;
    u64 mac, stack_mac;
    struct stack *stack;
    struct listener *listener;
    struct dgram *dgram;
    struct scope scope;
    struct peer_conn conns[PORTS];
    u32 dhcp_xid;         /* of the stack's last DHCP message */
    u8 sent[64];          /* the start of the last IP packet from the stack */
    size_t sent_n;
    u8 frame[4096];
};

/* ---- the application ------------------------------------------------------------- */

static void echo_stream(void *arg)
{
    struct stream *s = arg;
    struct view piece;
    while (stream_wait(s, 0, FOREVER) == OK && stream_pieces(s, (struct stream_pieces){&piece, 1}) == 1) {
        u8 kept[512];
        struct span room = span_first(SPAN_OF(kept), MIN(piece.n, sizeof kept));
        copy(room, view_first(piece, room.n));
        stream_consume(s, room.n);
        if (stream_write(s, view_of(room), STREAM_COPY, clock_mono_ns() + NS_PER_S) != OK)
            break;
    }
    stream_close(s);
}

static void accept_streams(void *arg)
{
    struct world *w = arg;
    struct stream *s;
    while (listener_accept(w->listener, &s, FOREVER) == OK)
        if (fiber_spawn(&w->scope, "echo", echo_stream, s) != OK)
            stream_abort(s);
}

static void echo_datagrams(void *arg)
{
    struct world *w = arg;
    struct dgram_in in;
    while (dgram_recv(w->dgram, &in, FOREVER) == OK) {
        enum err e = dgram_send(w->dgram, in.from, in.data);
        (void)e;
    }
}

/* ---- the peer -------------------------------------------------------------------- */

static u32 near_u32(struct reader *r, u32 x)
{
    u8 how = get_u8(r);
    if (how < 128)
        return x;
    return how < 250 ? wrap_add32(x, (u32)(i32)(i8)get_u8(r)) : wrap_add32(x, get_be32(r));
}

/* Sends w->frame: `n` bytes of IP payload that `sum_at` has its checksum in (0: none). */
static void send_ip(struct world *w, u32 to, u8 protocol, size_t n, size_t sum_at, u16 fragment)
{
    struct span frame = SPAN_OF(w->frame), payload = span_sub(frame, ETH_HEADER + IPV4_HEADER, n);
    eth_store(frame, w->stack_mac, w->mac, ETH_IPV4);
    ipv4_store(span_sub(frame, ETH_HEADER, IPV4_HEADER),
               &(struct ipv4){.ttl = 64,
                              .protocol = protocol,
                              .src = PEER,
                              .dst = to,
                              .length = (u16)(IPV4_HEADER + n),
                              .id = 7,
                              .more_fragments = fragment & 1,
                              .offset = (u16)((fragment >> 1) * 8)});
    if (sum_at > 0) {
        u32 pseudo = protocol == 1
                         ? 0
                         : (PEER >> 16) + (PEER & 0xffff) + (to >> 16) + (to & 0xffff) + protocol + (u32)n;
        store_be16(payload, sum_at, 0);
        store_be16(payload, sum_at, (u16)~ip_sum_fold(ip_sum(view_of(payload), pseudo)));
    }
    (void)sim_send(w->dev, view_of(span_first(frame, ETH_HEADER + IPV4_HEADER + n)));
}

static struct span ip_room(struct world *w, size_t n)
{
    struct span room = span_sub(SPAN_OF(w->frame), ETH_HEADER + IPV4_HEADER, n);
    fill(room, 'x');
    return room;
}

static void step_raw(struct world *w)
{
    struct view bytes = get_bytes(&w->script, MIN((size_t)get_u8(&w->script) * 4, w->script.rest.n));
    copy(SPAN_OF(w->frame), bytes);
    if (bytes.n < ETH_HEADER)
        return;
    eth_store(SPAN_OF(w->frame), w->stack_mac, w->mac, load_be16(bytes, 12));
    (void)sim_send(w->dev, view_first(VIEW_OF(w->frame), bytes.n));
}

static void step_arp(struct world *w)
{
    struct writer out = writer_of(SPAN_OF(w->frame));
    u8 what = get_u8(&w->script);
    eth_encode(&out,
               &(struct eth){.dst = what & 1 ? ETH_BROADCAST : w->stack_mac, .src = w->mac, .type = ETH_ARP});
    arp_encode(&out, &(struct arp){.op = what & 2 ? ARP_REPLY : ARP_REQUEST,
                                   .sender_mac = w->mac,
                                   .sender_ip = what & 4 ? US : PEER + (what >> 4),
                                   .target_ip = what & 8 ? PEER : US});
    (void)sim_send(w->dev, written(&out));
}

static void step_udp(struct world *w)
{
    u16 to = get_u8(&w->script) & 1 ? PORT_UDP : 9;
    size_t n = UDP_HEADER + get_u8(&w->script);
    struct writer out = writer_of(ip_room(w, n));
    udp_encode(&out, &(struct udp){.from = 4000, .to = to, .length = (u16)n});
    send_ip(w, US, 17, n, UDP_SUM_OFFSET, 0);
}

static void step_fragment(struct world *w)
{
    u16 fragment = get_be16(&w->script);
    size_t n = MIN((size_t)get_u8(&w->script) * 8 + (fragment >> 14), (size_t)1480);
    (void)ip_room(w, n);
    send_ip(w, US, 17, n, 0, fragment & 0x3fff);
}

/* An error about the last packet of the stack, or an echo request. */
static void step_icmp(struct world *w)
{
    struct icmp m = {.type = get_u8(&w->script) % 16, .code = get_u8(&w->script) % 8};
    m.rest = get_be16(&w->script);
    size_t n = ICMP_HEADER + w->sent_n;
    struct span room = ip_room(w, n);
    struct writer out = writer_of(room);
    icmp_encode(&out, &m);
    put_bytes(&out, view_first(VIEW_OF(w->sent), w->sent_n));
    send_ip(w, US, 1, n, ICMP_SUM_OFFSET, 0);
}

static struct tcp_options get_options(struct reader *r, u32 ack)
{
    u8 which = get_u8(r);
    struct tcp_options o = {.scale = which & 1 ? get_u8(r) % 15 : TCP_SCALE_NONE,
                            .sack_permitted = which & 2};
    o.mss = which & 4 ? get_be16(r) : 0;
    o.has_time = which & 8;
    o.time = o.has_time ? get_be32(r) : 0;
    o.time_echo = o.has_time ? get_be32(r) : 0;
    o.sack_n = which & 16 ? 1 + (which >> 5) % 2 : 0;
    for (size_t i = 0; i < o.sack_n; i++) {
        AT(o.sack, i).from = near_u32(r, ack);
        AT(o.sack, i).to = near_u32(r, wrap_add32(AT(o.sack, i).from, 100));
    }
    return o;
}

static void step_tcp(struct world *w, u8 flags)
{
    u8 which = get_u8(&w->script);
    struct peer_conn *c = &AT(w->conns, which % PORTS);
    struct tcp_segment s = {.from_port = (u16)(1000 + which % PORTS),
                            .to_port = PORT_TCP,
                            .flags = flags,
                            .window = which & 64 ? get_be16(&w->script) : 65535};
    s.seq = near_u32(&w->script, c->seq);
    s.ack = near_u32(&w->script, c->ack);
    s.options = get_options(&w->script, s.ack);
    size_t head = tcp_header_size(&s.options, flags), text = which & 128 ? (size_t)get_u8(&w->script) * 8 : 0;
    if (head > 60)
        return;
    struct span room = ip_room(w, MIN(head + text, (size_t)1480));
    tcp_encode(span_first(room, head), &s);
    send_ip(w, US, 6, room.n, TCP_CSUM_OFFSET, 0);
    if (s.seq == c->seq)
        c->seq = wrap_add32(c->seq, (u32)(room.n - head) + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
}

/* An answer to the stack's last DHCP message: any type and times, mostly sensible. */
static void step_dhcp(struct world *w)
{
    u8 type = get_u8(&w->script), which = get_u8(&w->script);
    struct dhcp_message m = {.op = DHCP_BOOTREPLY,
                             .type = (u8)(1 + type % 7),
                             .xid = w->dhcp_xid,
                             .chaddr = w->stack_mac,
                             .yiaddr = US,
                             .server = PEER,
                             .router = PEER,
                             .mask = 0xffffff00,
                             .lease_s = 60};
    if (which & 1)
        m.lease_s = get_be32(&w->script);
    if (which & 2)
        m.t1_s = get_be32(&w->script);
    if (which & 4)
        m.t2_s = get_be32(&w->script);
    if (which & 8)
        m.yiaddr = get_be32(&w->script);
    if (which & 16)
        m.mask = get_be32(&w->script);
    if (which & 32)
        m.server = get_be32(&w->script);
    u8 text[1024];
    struct writer out = writer_of(SPAN_OF(text));
    dhcp_encode(&out, &m);
    size_t n = UDP_HEADER + out.n;
    struct writer packet = writer_of(ip_room(w, n));
    udp_encode(&packet, &(struct udp){.from = 67, .to = 68, .length = (u16)n});
    put_bytes(&packet, written(&out));
    send_ip(w, UINT32_MAX, 17, n, UDP_SUM_OFFSET, 0);
}

/* Takes what the stack has sent, so that the next segments can be near it. */
static void listen_to(struct world *w, u64 until)
{
    struct net_rx rx;
    while (sim_recv(w->dev, &rx, until) == OK) {
        struct eth e;
        struct ipv4 h;
        struct tcp_segment s;
        struct udp u;
        struct dhcp_message m;
        if (eth_decode(rx.frame, &e) != OK || e.type != ETH_IPV4 || ipv4_decode(e.payload, &h) != OK)
            continue;
        w->sent_n = MIN(h.header.n + 8, sizeof w->sent);
        copy(SPAN_OF(w->sent), view_first(e.payload, MIN(w->sent_n, e.payload.n)));
        if (h.protocol == 17 && udp_decode(h.payload, &u) == OK && u.to == 67 &&
            dhcp_decode(u.payload, &m) == OK)
            w->dhcp_xid = m.xid;
        if (h.protocol == 6 && tcp_decode(&s, h.payload) == OK && s.to_port >= 1000 &&
            s.to_port < 1000 + PORTS)
            AT(w->conns, s.to_port - 1000).ack =
                wrap_add32(s.seq, (u32)s.payload.n + !!(s.flags & TCP_SYN) + !!(s.flags & TCP_FIN));
    }
}

static void step(struct world *w)
{
    u8 what = get_u8(&w->script);
    switch (what >> 6) {
    case 0:
        step_tcp(w, what & 0x3f);
        break;
    case 1: /* in order, as most are */
        step_tcp(w, TCP_ACK | (what & TCP_PSH));
        break;
    case 2:
        listen_to(w, clock_mono_ns() + ((u64)1 << (what & 31)) * 64);
        break;
    default: {
        static void (*const others[])(struct world *) = {step_raw,      step_arp,  step_udp,
                                                         step_fragment, step_icmp, step_dhcp};
        AT(others, what % COUNT(others))(w);
        break;
    }
    }
}

static void play(void *arg)
{
    struct world *w = arg;
    struct sim_link *link = sim_link_new(NULL);
    u8 how = get_u8(&w->script);
    struct net_dev *stack_dev = sim_dev(link, how & 1 ? SIM_FEATURES : 0);
    struct stack_config config = {.ip = US,
                                  .dhcp = (how & 6) == 6,
                                  .prefix = 24,
                                  .connections = 3,
                                  .udp_ports = 2,
                                  .buffer_bytes = 128 << 10,
                                  .send_max_bytes = 32 << 10,
                                  .receive_max_bytes = 16 << 10};
    w->dev = sim_dev(link, SIM_FEATURES);
    w->mac = eth_mac(VIEW_OF(w->dev->mac));
    w->stack_mac = eth_mac(VIEW_OF(stack_dev->mac));
    must(stack_new(&w->stack, sim_arena(), stack_dev, &config) == OK);
    must(tcp_listen(w->stack, PORT_TCP, 4, &w->listener) == OK &&
         udp_open(w->stack, PORT_UDP, &w->dgram) == OK);
    scope_open(&w->scope, "echo");
    must(fiber_spawn(&w->scope, "accept", accept_streams, w) == OK);
    must(fiber_spawn(&w->scope, "datagrams", echo_datagrams, w) == OK);
    step_arp(w);
    for (size_t i = 0; i < STEPS_MAX && !w->script.bad && w->script.rest.n > 0; i++)
        step(w);
    listen_to(w, clock_mono_ns() + 100 * NS_PER_MS);
    scope_leave(&w->scope);
    listener_close(w->listener);
    dgram_close(w->dgram);
    /* Longer than any connection that nobody owns may last (RFC 9293 §3.10.7). */
    must(fiber_sleep_ns(1800 * NS_PER_S) == OK);
    must(stack_stats(w->stack).tcp_open == 0 && stack_stats(w->stack).buffer_used_bytes == 0);
    stack_close(w->stack);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static struct world world;
    world = (struct world){.script = reader_of((struct view){data, n})};
    for (size_t i = 0; i < PORTS; i++)
        AT(world.conns, i).seq = 1000;
    sim_run_sized(1, (struct sim_size){.fibers = 8, .stack_bytes = 32 << 10, .memory_bytes = 4 << 20}, play,
                  &world);
    return 0;
}
