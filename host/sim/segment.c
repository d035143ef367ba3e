/* What a kernel or a network card does with offloaded frames: completes checksums
 * and cuts super-frames into segments (Virtual I/O Device 1.2, §5.1.6.2). Written
 * apart from wire/, so that each checks the other. */
#include "base/codec.h"
#include "base/num.h"
#include "host/sim/internal.h"

enum { ETH = 14, TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80, PROTO_TCP = 6, PROTO_UDP = 17 };

static u64 sum(struct view v, u64 before)
{
    for (; v.n >= 2; v = view_from(v, 2))
        before += load_be16(v, 0);
    return v.n ? before + ((u64)view_at(v, 0) << 8) : before;
}

static u16 folded(u64 x)
{
    while (x >> 16)
        x = (x & 0xffff) + (x >> 16);
    return (u16)(~x & 0xffff);
}

/* UDP's 0 means "none", so a sum of 0 is sent as 0xffff (RFC 768). The offset tells
 * UDP (6) from TCP (16). */
static u16 on_the_wire(u16 checksum, u16 csum_offset)
{
    return checksum == 0 && csum_offset == 6 ? 0xffff : checksum;
}

void sim_checksum(struct span frame, struct net_offload *o)
{
    if (!(o->flags & NET_NEEDS_CSUM))
        return;
    size_t at = (size_t)o->csum_start + o->csum_offset;
    must(at + 2 <= frame.n);
    u16 c = folded(sum(view_from(view_of(frame), o->csum_start), 0));
    store_be16(frame, at, on_the_wire(c, o->csum_offset));
    o->flags = (u8)(o->flags & ~NET_NEEDS_CSUM);
}

size_t sim_segments(struct view frame, const struct net_offload *o)
{
    if (o->gso == NET_GSO_NONE)
        return 1;
    must(o->gso_size > 0 && o->hdr_len > ETH && o->hdr_len <= frame.n);
    size_t payload = frame.n - o->hdr_len;
    return payload == 0 ? 1 : (payload + o->gso_size - 1) / o->gso_size;
}

/* The pseudo-header's sum (RFC 9293 §3.1, RFC 8200 §8.1), without the length. */
static u64 pseudo(struct view ip, bool is_6, u8 protocol)
{
    return sum(is_6 ? view_sub(ip, 8, 32) : view_sub(ip, 12, 8), protocol);
}

static void finish_ip4(struct span ip, size_t index)
{
    size_t header = (size_t)(span_at(ip, 0) & 15) * 4;
    store_be16(ip, 2, to_u16(ip.n));
    store_be16(ip, 4, wrap_add16(load_be16(view_of(ip), 4), (u16)index));
    store_be16(ip, 10, 0);
    store_be16(ip, 10, folded(sum(view_first(view_of(ip), header), 0)));
}

static void finish_tcp(struct span tcp, u64 offset, bool first, bool last)
{
    store_be32(tcp, 4, wrap_add32(load_be32(view_of(tcp), 4), (u32)offset));
    u8 flags = span_at(tcp, 13);
    flags = last ? flags : (u8)(flags & ~(TCP_FIN | TCP_PSH));
    flags = first ? flags : (u8)(flags & ~TCP_CWR);
    span_set(tcp, 13, flags);
}

/* Segment `index` of a super-frame, complete, into `out`; answers its size. */
size_t sim_segment(struct view frame, const struct net_offload *o, size_t index, struct span out)
{
    size_t count = sim_segments(frame, o), offset = index * o->gso_size;
    struct view payload = view_from(frame, o->hdr_len + offset);
    payload = view_first(payload, MIN(payload.n, (size_t)o->gso_size));
    size_t n = o->hdr_len + payload.n;
    struct span s = span_first(out, n);
    copy(s, view_first(frame, o->hdr_len));
    copy(span_from(s, o->hdr_len), payload);

    bool is_6 = o->gso == NET_GSO_TCP6 || load_be16(frame, 12) == 0x86dd;
    bool is_udp = o->gso == NET_GSO_UDP;
    struct span ip = span_from(s, ETH), transport = span_from(s, o->csum_start);
    if (is_6)
        store_be16(ip, 4, to_u16(ip.n - 40));
    else
        finish_ip4(ip, index);
    if (is_udp)
        store_be16(transport, 4, to_u16(transport.n));
    else
        finish_tcp(transport, offset, index == 0, index + 1 == count);
    store_be16(transport, o->csum_offset, 0);
    u64 x = pseudo(view_of(ip), is_6, is_udp ? PROTO_UDP : PROTO_TCP) + transport.n;
    store_be16(transport, o->csum_offset, on_the_wire(folded(sum(view_of(transport), x)), o->csum_offset));
    return n;
}
