#include "wire/ipv4.h"

#include "base/num.h"
#include "wire/ip_sum.h"

enum { FLAG_DF = 0x4000, FLAG_MF = 0x2000, OFFSET_MASK = 0x1fff };

/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; ensures \result == OK ==> ipv4_inside(out, packet);
    ensures \result == OK && !quoted ==> out->header.n + out->payload.n == out->length; */
static enum err decode(struct view packet, bool quoted, struct ipv4 *out)
{
    if (packet.n < IPV4_HEADER)
        return ERR_MALFORMED;
    u8 first = view_at(packet, 0);
    size_t header_n = (size_t)(first & 0x0f) * 4;
    u16 length = load_be16(packet, 2), fragment = load_be16(packet, 6);
    if (first >> 4 != 4 || header_n < IPV4_HEADER || header_n > packet.n || length < header_n)
        return ERR_MALFORMED;
    if (quoted)
        length = (u16)MIN(length, packet.n);
    else if (length > packet.n || ip_sum_fold(ip_sum(view_first(packet, header_n), 0)) != 0xffff)
        return ERR_MALFORMED;
    out->tos = view_at(packet, 1);
    out->length = load_be16(packet, 2);
    out->id = load_be16(packet, 4);
    out->dont_fragment = (fragment & FLAG_DF) != 0;
    out->more_fragments = (fragment & FLAG_MF) != 0;
    out->offset = (u16)((fragment & OFFSET_MASK) * 8);
    out->ttl = view_at(packet, 8);
    out->protocol = view_at(packet, 9);
    out->src = load_be32(packet, 12);
    out->dst = load_be32(packet, 16);
    out->header = view_first(packet, header_n);
    out->payload = view_sub(packet, header_n, MAX(length, header_n) - header_n);
    return OK;
}

enum err ipv4_decode(struct view packet, struct ipv4 *out)
{
    return decode(packet, false, out);
}

enum err ipv4_decode_quoted(struct view packet, struct ipv4 *out)
{
    return decode(packet, true, out);
}

void ipv4_store(struct span header, const struct ipv4 *h)
{
    u32 version_length = 0x45000000 | (u32)h->tos << 16 | h->length;
    u32 fragment = (u32)h->offset / 8 | (h->dont_fragment ? FLAG_DF : 0) | (h->more_fragments ? FLAG_MF : 0);
    u32 id_fragment = (u32)h->id << 16 | fragment;
    u32 ttl_protocol = (u32)h->ttl << 24 | (u32)h->protocol << 16;
    u32 sum = (version_length >> 16) + h->length + h->id + fragment + (ttl_protocol >> 16);
    sum += (h->src >> 16) + (h->src & 0xffff) + (h->dst >> 16) + (h->dst & 0xffff);
    store_be32(header, 0, version_length);
    store_be32(header, 4, id_fragment);
    store_be32(header, 8, ttl_protocol | (u16)(0xffff - ip_sum_fold(sum)));
    store_be32(header, 12, h->src);
    store_be32(header, 16, h->dst);
}

void ipv4_encode(struct writer *w, const struct ipv4 *h)
{
    struct span room = put_room(w, IPV4_HEADER);
    if (!w->full)
        ipv4_store(room, h);
}
