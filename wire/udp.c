#include "wire/udp.h"

enum err udp_decode(struct view packet, struct udp *out)
{
    struct reader r = reader_of(packet);
    out->from = get_be16(&r);
    out->to = get_be16(&r);
    out->length = get_be16(&r);
    out->has_sum = get_be16(&r) != 0;
    if (r.bad || out->length < UDP_HEADER || out->length > packet.n)
        return ERR_MALFORMED;
    out->packet = view_first(packet, out->length);
    out->payload = view_from(out->packet, UDP_HEADER);
    return OK;
}

void udp_encode(struct writer *w, const struct udp *u)
{
    put_be16(w, u->from);
    put_be16(w, u->to);
    put_be16(w, u->length);
    put_be16(w, 0);
}
