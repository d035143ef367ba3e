#include "wire/arp.h"

#include "wire/eth.h"

enum { HARDWARE_ETHERNET = 1, LENGTHS = 6 << 8 | 4 };

/*@ requires \valid(r) && inside(*r); assigns r->rest, r->bad; ensures step{Pre, Post}(r, 6) && inside(*r); */
static u64 get_mac(struct reader *r)
{
    struct view six = get_bytes(r, 6);
    return r->bad ? 0 : eth_mac(six);
}

enum err arp_decode(struct view packet, struct arp *out)
{
    struct reader r = reader_of(packet);
    u16 hardware = get_be16(&r), protocol = get_be16(&r), lengths = get_be16(&r);
    *out = (struct arp){.op = get_be16(&r)};
    out->sender_mac = get_mac(&r);
    out->sender_ip = get_be32(&r);
    out->target_mac = get_mac(&r);
    out->target_ip = get_be32(&r);
    if (r.bad)
        return ERR_MALFORMED;
    if (hardware != HARDWARE_ETHERNET || protocol != ETH_IPV4 || lengths != LENGTHS)
        return ERR_UNSUPPORTED;
    return OK;
}

void arp_encode(struct writer *w, const struct arp *a)
{
    put_be16(w, HARDWARE_ETHERNET);
    put_be16(w, ETH_IPV4);
    put_be16(w, LENGTHS);
    put_be16(w, a->op);
    eth_put_mac(w, a->sender_mac);
    put_be32(w, a->sender_ip);
    eth_put_mac(w, a->target_mac);
    put_be32(w, a->target_ip);
}
