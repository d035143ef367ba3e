#include "wire/icmp.h"

#include "wire/ip_sum.h"

enum err icmp_decode(struct view packet, struct icmp *out)
{
    struct reader r = reader_of(packet);
    out->type = get_u8(&r);
    out->code = get_u8(&r);
    get_skip(&r, 2);
    out->rest = get_be32(&r);
    out->payload = r.rest;
    if (r.bad || ip_sum_fold(ip_sum(packet, 0)) != 0xffff)
        return ERR_MALFORMED;
    return OK;
}

void icmp_encode(struct writer *w, const struct icmp *m)
{
    put_u8(w, m->type);
    put_u8(w, m->code);
    put_be16(w, 0);
    put_be32(w, m->rest);
}
