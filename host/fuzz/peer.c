/* The other end: answers ARP, hands out addresses, accepts what is dialed, keeps track
 * of each connection, and acknowledges. A peer that behaves, so that a script of few
 * bytes gets far; where it shall not behave, the script says so (script.c). */
#include <string.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum {
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    DHCP_SERVER = 67,
    DHCP_CLIENT = 68,
    LEASE_S = 3600,
    NEVER_DIALED = FUZZ_FLOWS / 2,
};

void fuzz_peer_begin(void)
{
    for (size_t i = 0; i < FUZZ_FLOWS; i++) {
        struct fuzz_flow *f = &AT(fuzz.flows, i);
        f->used = f->open = f->opening = false;
        f->port = 0;
        f->window = 65535;
        f->silent = false;
    }
    fuzz.ip = FUZZ_IP;
    fuzz.next_port = FUZZ_FIRST_PORT;
    fuzz.mute_arp = fuzz.mute_dhcp = fuzz.mute_dial = false;
    fuzz.dhcp_xid = 0;
    fuzz.dials = 0;
    fuzz.ip_id = 0;
    fuzz.last_sent_n = 0;
    fuzz.spoil = (struct fuzz_spoil){0};
    fuzz.held_frame = (struct fuzz_frame){0};
    fuzz.http = strcmp(fuzz.image->manifest.about.name, "echo") != 0;
}

/* ---- sending ----------------------------------------------------------------------- */

static u32 now_ms(void)
{
    return (u32)(fuzz.now / NS_PER_MS & UINT32_MAX);
}

static void send_segment(const struct fuzz_flow *f, const struct tcp_segment *s)
{
    size_t head = tcp_header_size(&s->options, s->flags);
    struct span room = fuzz_room(head + s->payload.n);
    tcp_encode(span_first(room, head), s);
    copy(span_from(room, head), s->payload);
    fuzz_send_ip(f->ip, fuzz.ip, PROTO_TCP, room.n, TCP_CSUM_OFFSET);
}

/* In order, with what the connection has agreed on. */
void fuzz_flow_segment(struct fuzz_flow *f, u8 flags, struct view payload)
{
    struct tcp_segment s = {
        .from_port = f->port,
        .to_port = f->image_port,
        .seq = f->seq,
        .ack = f->ack,
        .window = f->window,
        .flags = flags,
        .options = {.scale = TCP_SCALE_NONE,
                    .has_time = f->has_time,
                    .time = now_ms(),
                    .time_echo = f->time_echo},
        .payload = payload,
    };
    send_segment(f, &s);
    f->owes_ack = false;
    f->seq = wrap_add32(f->seq, (u32)payload.n + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
    fuzz.stats.streamed_bytes += payload.n;
}

/* options: 1 MSS, 2 scale, 4 SACK, 8 timestamps; 0x10 and 0x20 choose an odd MSS. */
static struct tcp_options syn_options(u8 options)
{
    static const u16 sizes[4] = {1460, 536, 1, 65535};
    return (struct tcp_options){
        .mss = options & 1 ? AT(sizes, options >> 4 & 3) : 0,
        .scale = options & 2 ? options >> 6 : TCP_SCALE_NONE,
        .sack_permitted = options & 4,
        .has_time = options & 8,
        .time = now_ms(),
    };
}

static void send_syn(struct fuzz_flow *f, u8 flags, u8 options)
{
    struct tcp_segment s = {.from_port = f->port,
                            .to_port = f->image_port,
                            .seq = f->seq,
                            .ack = flags & TCP_ACK ? f->ack : 0,
                            .window = f->window,
                            .flags = flags,
                            .options = syn_options(options)};
    s.options.time_echo = f->time_echo;
    send_segment(f, &s);
    f->seq = wrap_add32(f->seq, 1);
    f->opening_seq = f->seq;
}

void fuzz_flow_connect(struct fuzz_flow *f, u32 from, u8 options)
{
    f->used = f->opening = true;
    f->open = f->dialed = f->owes_ack = f->silent = false;
    f->ip = from;
    f->port = fuzz.next_port++;
    f->image_port = fuzz.port;
    f->seq = (u32)(random_u64(&fuzz.random) & UINT32_MAX);
    f->ack = 0;
    f->window = 65535;
    f->has_time = options & 8;
    f->time_echo = 0;
    f->stream_n = 0;
    fuzz.next_port = MAX(fuzz.next_port, (u16)FUZZ_FIRST_PORT);
    send_syn(f, TCP_SYN, options);
}

/* An offer or whatever else, to the image's last DHCP message. */
void fuzz_dhcp_answer(const struct dhcp_message *m)
{
    u8 text[1024];
    struct writer out = writer_of(SPAN_OF(text));
    dhcp_encode(&out, m);
    size_t n = UDP_HEADER + out.n;
    struct writer packet = writer_of(fuzz_room(n));
    udp_encode(&packet, &(struct udp){.from = DHCP_SERVER, .to = DHCP_CLIENT, .length = (u16)n});
    put_bytes(&packet, written(&out));
    fuzz_send_ip(FUZZ_GATEWAY, UINT32_MAX, PROTO_UDP, n, UDP_SUM_OFFSET);
}

/* ---- taking ------------------------------------------------------------------------ */

static void take_arp(struct view packet)
{
    struct arp a;
    if (arp_decode(packet, &a) != OK || a.op != ARP_REQUEST || fuzz.mute_arp || a.target_ip == a.sender_ip ||
        a.sender_ip == 0)
        return;
    struct writer w = writer_of(span_sub(SPAN_OF(fuzz.frame), ETH_HEADER, ARP_PACKET));
    arp_encode(&w, &(struct arp){.op = ARP_REPLY,
                                 .sender_mac = fuzz_mac_of(a.target_ip),
                                 .sender_ip = a.target_ip,
                                 .target_mac = a.sender_mac,
                                 .target_ip = a.sender_ip});
    fuzz_send_eth(ETH_ARP, ARP_PACKET);
}

static void take_dhcp(struct view payload)
{
    struct dhcp_message m;
    if (dhcp_decode(payload, &m) != OK)
        fuzz_fail("a DHCP message that cannot be read");
    fuzz.dhcp_xid = m.xid;
    if (fuzz.mute_dhcp || (m.type != DHCP_DISCOVER && m.type != DHCP_REQUEST))
        return;
    struct dhcp_message answer = {.op = DHCP_BOOTREPLY,
                                  .type = m.type == DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK,
                                  .xid = m.xid,
                                  .chaddr = FUZZ_MAC,
                                  .yiaddr = FUZZ_IP,
                                  .server = FUZZ_GATEWAY,
                                  .router = FUZZ_GATEWAY,
                                  .mask = 0xffffff00,
                                  .lease_s = LEASE_S};
    fuzz_dhcp_answer(&answer);
}

/* What the image sends again must be what it sent before, byte for byte (RFC 9293
 * §3.7): the start of each stream is kept. An HTTP server speaks HTTP first. */
static void take_stream(struct fuzz_flow *f, u32 seq, struct view payload)
{
    u32 at = wrap_sub32(seq, wrap_add32(f->irs, 1));
    if (at > f->stream_n)
        return;
    struct span kept = SPAN_OF(AT(fuzz.streams, (size_t)(f - fuzz.flows)));
    for (size_t i = 0; i < payload.n && at + i < kept.n; i++) {
        u8 byte = view_at(payload, i);
        if (at + i < f->stream_n && span_at(kept, at + i) != byte)
            fuzz_fail("byte %zu of a stream was sent again as another", at + i);
        span_set(kept, at + i, byte);
        f->stream_n = MAX(f->stream_n, (u32)(at + i + 1));
    }
    struct view first = VIEW("HTTP/1.1 ");
    if (fuzz.http && !f->dialed && at == 0 && payload.n >= first.n && !view_starts(payload, first))
        fuzz_fail("an answer that does not begin with HTTP/1.1");
}

static struct fuzz_flow *flow_of(const struct tcp_segment *s, u32 ip)
{
    for (size_t i = 0; i < FUZZ_FLOWS; i++) {
        struct fuzz_flow *f = &AT(fuzz.flows, i);
        if (f->used && f->port == s->to_port && f->image_port == s->from_port && f->ip == ip)
            return f;
    }
    return NULL;
}

/* A connection that the image wants: taken, in the place of the one that is oldest. */
static void take_dial(const struct tcp_segment *s, u32 ip)
{
    if (fuzz.mute_dial)
        return;
    struct fuzz_flow *f = &AT(fuzz.flows, NEVER_DIALED + fuzz.dials++ % (FUZZ_FLOWS - NEVER_DIALED));
    *f = (struct fuzz_flow){.used = true,
                            .open = true,
                            .dialed = true,
                            .ip = ip,
                            .port = s->to_port,
                            .image_port = s->from_port,
                            .seq = (u32)(random_u64(&fuzz.random) & UINT32_MAX),
                            .ack = wrap_add32(s->seq, 1),
                            .irs = s->seq,
                            .window = 65535,
                            .has_time = s->options.has_time,
                            .time_echo = s->options.time};
    fuzz.stats.connections++;
    send_syn(f, TCP_SYN | TCP_ACK, s->options.has_time ? 0x0f : 0x07);
}

static void take_syn_ack(struct fuzz_flow *f, const struct tcp_segment *s)
{
    if (!(s->flags & TCP_ACK) || s->ack != f->seq)
        return;
    f->opening = false;
    f->open = true;
    f->irs = s->seq;
    f->ack = wrap_add32(s->seq, 1);
    f->owes_ack = true;
    f->has_time = f->has_time && s->options.has_time;
    fuzz.stats.connections++;
}

/* The image remembers an older connection of these ports, and says so: it is told that
 * there is none (RFC 9293 §3.5.1, figure 9). */
static void refuse_old(struct fuzz_flow *f, const struct tcp_segment *s)
{
    const struct tcp_segment reset = {.from_port = f->port,
                                      .to_port = f->image_port,
                                      .seq = s->ack,
                                      .flags = TCP_RST,
                                      .options = {.scale = TCP_SCALE_NONE}};
    send_segment(f, &reset);
}

void fuzz_flow_ask_again(struct fuzz_flow *f)
{
    f->seq = wrap_sub32(f->seq, 1);
    send_syn(f, TCP_SYN, f->has_time ? 0x0f : 0x07);
}

static void take_tcp(struct view packet, u32 ip)
{
    struct tcp_segment s;
    if (tcp_decode(&s, packet) != OK)
        fuzz_fail("a TCP segment that cannot be read");
    struct fuzz_flow *f = flow_of(&s, ip);
    if (!f && (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        take_dial(&s, ip);
    if (!f)
        return;
    if (s.flags & TCP_RST) {
        f->open = f->opening = false;
        return;
    }
    if (f->opening && !(s.flags & TCP_SYN)) {
        refuse_old(f, &s);
        return;
    }
    if (s.options.has_time)
        f->time_echo = s.options.time;
    if (f->opening)
        take_syn_ack(f, &s);
    if (!f->open || (s.flags & TCP_SYN))
        return;
    take_stream(f, s.seq, s.payload);
    u32 n = (u32)s.payload.n + !!(s.flags & TCP_FIN);
    f->owes_ack |= n > 0;
    if (s.seq == f->ack)
        f->ack = wrap_add32(f->ack, n);
}

void fuzz_peer_take(struct view frame)
{
    struct eth e;
    struct ipv4 h;
    struct udp u;
    must(eth_decode(frame, &e) == OK);
    if (e.type == ETH_ARP) {
        take_arp(e.payload);
        return;
    }
    must(ipv4_decode(e.payload, &h) == OK);
    fuzz.last_sent_n = MIN(e.payload.n, sizeof fuzz.last_sent);
    copy(SPAN_OF(fuzz.last_sent), view_first(e.payload, fuzz.last_sent_n));
    if (h.src != 0)
        fuzz.ip = h.src;
    if (h.offset > 0 || h.more_fragments)
        return;
    if (h.protocol == PROTO_TCP)
        take_tcp(h.payload, h.dst);
    if (h.protocol == PROTO_UDP && udp_decode(h.payload, &u) == OK && u.to == DHCP_SERVER)
        take_dhcp(u.payload);
}

/* One acknowledgement for all that came since the last. */
void fuzz_peer_settle(void)
{
    for (size_t i = 0; i < FUZZ_FLOWS; i++) {
        struct fuzz_flow *f = &AT(fuzz.flows, i);
        if (f->used && f->open && f->owes_ack && !f->silent)
            fuzz_flow_segment(f, TCP_ACK, VIEW_NONE);
    }
}
