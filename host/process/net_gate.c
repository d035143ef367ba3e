#include "host/process/net_gate.h"

#include "base/codec.h"

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    MORE_OR_OFFSET = 0x3fff,
    SYN = 0x02,
    ACK = 0x10
};

/* What both directions look at; `ok` is false where there is no whole IPv4 header. */
struct head {
    bool ok;
    u8 protocol;
    u16 fragment;
    u32 from, to;
    struct reader transport;
};

static struct head read_head(const u8 *frame, size_t n)
{
    struct head h = {0};
    struct reader r = reader_of((struct view){frame, n});
    get_skip(&r, 12);
    u16 type = get_be16(&r);
    struct view ip = r.rest;
    u8 first = get_u8(&r);
    get_skip(&r, 5);
    h.fragment = get_be16(&r) & MORE_OR_OFFSET;
    get_skip(&r, 1);
    h.protocol = get_u8(&r);
    get_skip(&r, 2);
    h.from = get_be32(&r);
    h.to = get_be32(&r);
    h.ok = !r.bad && type == TYPE_IPV4;
    h.transport = reader_of(ip);
    get_skip(&h.transport, (size_t)(first & 15) * 4);
    h.transport.bad |= (first & 15) < 5;
    return h;
}

void gate_hear(struct gate *g, const u8 *frame, size_t n)
{
    struct head h = read_head(frame, n);
    if (!h.ok || h.protocol != PROTO_UDP || h.from != GATE_GATEWAY || h.fragment)
        return;
    u16 port = get_be16(&h.transport);
    if (!h.transport.bad)
        AT(g->heard, port / 8u) |= (u8)(1u << port % 8);
}

bool gate_opens(const u8 *frame, size_t n)
{
    struct head h = read_head(frame, n);
    get_skip(&h.transport, 13);
    u8 flags = get_u8(&h.transport);
    return h.ok && h.protocol == PROTO_TCP && !h.transport.bad && (flags & (SYN | ACK)) == SYN;
}

bool gate_is_addressed(const u8 *head, size_t n)
{
    struct head h = read_head(head, n);
    struct reader arp = reader_of((struct view){head, n});
    get_skip(&arp, 12);
    u16 type = get_be16(&arp);
    get_skip(&arp, 14);
    u32 sender = get_be32(&arp);
    return h.ok ? h.from != 0 : !arp.bad && type == TYPE_ARP && sender != 0;
}

static bool answers(const struct gate *g, struct head h)
{
    get_skip(&h.transport, 2);
    u16 port = get_be16(&h.transport);
    if (h.fragment || h.transport.bad)
        return false;
    if (h.protocol == PROTO_UDP)
        return AT(g->heard, port / 8u) >> port % 8 & 1;
    if (h.protocol != PROTO_TCP)
        return true;
    get_skip(&h.transport, 9);
    u8 flags = get_u8(&h.transport);
    return !h.transport.bad && ((flags & SYN) == 0 || (flags & ACK) != 0);
}

bool gate_passes(const struct gate *g, const u8 *frame, size_t n)
{
    struct head h = read_head(frame, n);
    if (!h.ok)
        return true; /* ARP, or nothing that passt would hand on */
    if (h.to >> 24 == 127 || h.to >> 24 == 0)
        return false;
    return h.to != GATE_GATEWAY || answers(g, h);
}
