#include "net/icmp.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/ipv4.h"

/* ---- saying ---- */

static bool within_rate(struct icmp_limit *l, u64 now)
{
    u64 burst = ICMP_BURST * ICMP_INTERVAL_MS * NS_PER_MS;
    l->next = MAX(l->next, sat_sub(now, burst));
    if (l->next > now)
        return false;
    l->next += ICMP_INTERVAL_MS * NS_PER_MS;
    return true;
}

static void send(struct stack *s, struct ip_addr to, const struct icmp *m, u64 now)
{
    struct ip_route route;
    u8 header[ICMP_HEADER];
    struct writer w = writer_of(SPAN_OF(header));
    icmp_encode(&w, m);
    struct ip_datagram d = {
        .protocol = IP_ICMP, .csum_offset = ICMP_SUM_OFFSET, .header = written(&w), .data = m->payload};
    if (ip_route(s, to, &route) != OK || ip_send(s, &route, &d, now) != OK)
        count_event(&s->stats.tx_dropped);
}

static void send_error(struct stack *s, u8 type, u8 code, struct view header, struct view data, u64 now)
{
    u8 quote[ICMP_QUOTE_MAX];
    struct ipv4 h = {0};
    if (ipv4_decode_quoted(header, &h) != OK || !within_rate(&s->icmp, now))
        return;
    struct writer w = writer_of(SPAN_OF(quote));
    put_bytes(&w, header);
    put_bytes(&w, view_first(data, MIN(data.n, sizeof quote - header.n)));
    send(s, ip4(h.src), &(struct icmp){.type = type, .code = code, .payload = written(&w)}, now);
}

void icmp_unreachable(struct stack *s, const struct ip_in *in, u8 code, u64 now)
{
    if (!in->broadcast)
        send_error(s, ICMP_UNREACHABLE, code, s->rx_header, in->payload, now);
}

void icmp_time_exceeded(struct stack *s, struct view header, struct view data, u64 now)
{
    send_error(s, ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY, header, data, now);
}

/* ---- hearing ---- */

/* What an error means to a transport; OK: nothing. */
static enum err meaning(const struct icmp *m)
{
    if (m->type == ICMP_TIME_EXCEEDED)
        return ERR_UNREACHABLE;
    if (m->type != ICMP_UNREACHABLE)
        return OK;
    switch (m->code) {
    case ICMP_PROTOCOL:
    case ICMP_PORT:
        return ERR_REFUSED;
    case ICMP_TOO_BIG:
        return ERR_TOO_BIG;
    default:
        return ERR_UNREACHABLE;
    }
}

/* Only about a packet that we can have sent: from our address, its ports at hand,
 * and too big only if it said not to be cut and was bigger than what would fit. What
 * fits is remembered for all once TCP has recognised its segment (RFC 5927 §7.2). */
void icmp_report(struct stack *s, struct view packet, enum err e, u16 mtu, u64 now)
{
    struct ipv4 h = {0};
    if (ipv4_decode_quoted(packet, &h) != OK || h.src != s->ip || h.offset > 0)
        return;
    if (h.payload.n < ICMP_QUOTE_MIN || (e == ERR_TOO_BIG && (!h.dont_fragment || h.length <= mtu)))
        return;
    struct endpoint local = {ip4(h.src), load_be16(h.payload, 0)};
    struct endpoint remote = {ip4(h.dst), load_be16(h.payload, 2)};
    if (h.protocol == IP_UDP)
        udp_icmp(s, e, local, remote);
    if (h.protocol != IP_TCP)
        return;
    if (e == ERR_TOO_BIG)
        mtu = path_claim(s, h.dst, mtu, h.length);
    if (tcp_icmp(s, e, local, remote, load_be32(h.payload, 4), mtu) && e == ERR_TOO_BIG)
        path_learn(s, h.dst, mtu, now);
}

void icmp_input(struct stack *s, const struct ip_in *in, u64 now)
{
    struct icmp m = {0};
    if (icmp_decode(in->payload, &m) != OK) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    if (in->broadcast)
        return;
    if (m.type == ICMP_ECHO) {
        m.type = ICMP_ECHO_REPLY;
        send(s, in->from, &m, now);
        return;
    }
    enum err e = meaning(&m);
    if (e != OK)
        icmp_report(s, m.payload, e, (u16)(e == ERR_TOO_BIG ? m.rest & 0xffff : 0), now);
}
