/* UDP headers (RFC 768). */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include "base/codec.h"

enum { UDP_HEADER = 8, UDP_SUM_OFFSET = 6, UDP_PAYLOAD_MAX = 65507 };

struct udp {
    u16 from, to;
    u16 length;          /* header and payload */
    bool has_sum;        /* the sender computed a checksum */
    struct view packet;  /* decoded: header and payload, what the checksum covers */
    struct view payload; /* decoded: without what IP carried beyond the length */
};

/* The checksum is for the caller, who knows the pseudo header. ERR_MALFORMED. */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out;
    ensures \result == OK ==> UDP_HEADER <= out->length <= packet.n &&
        part(out->packet, packet, 0, out->length) &&
    part(out->payload, packet, UDP_HEADER, out->length - UDP_HEADER); */
enum err udp_decode(struct view packet, struct udp *out);

/* The header, with a checksum of 0 that is computed when the packet is sent. */
/*@ requires \valid(w) && open(*w) && \valid_read(u);
    requires \separated(u, w, w->out.p + (0 .. w->out.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, UDP_HEADER); */
void udp_encode(struct writer *w, const struct udp *u);

#endif
