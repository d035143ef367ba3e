/* IPv4 headers (RFC 791). Addresses in host order. Views lie in the decoded
 * packet. Options are skipped, never interpreted (RFC 1122 §3.2.1.8 allows a host
 * to ignore them all). */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include "base/codec.h"

enum { IPV4_HEADER = 20, IPV4_HEADER_MAX = 60, IPV4_PACKET_MAX = 65535 };

struct ipv4 {
    u8 tos, ttl, protocol;
    u16 id;
    bool dont_fragment, more_fragments;
    u16 offset;             /* of the payload in its datagram, in bytes */
    u16 length;             /* header and payload, as the header says */
    u32 src, dst;
    struct view header;     /* decoded: with its options */
    struct view payload;    /* decoded: without the link's padding */
};

/*@ predicate ipv4_inside(struct ipv4 *h, struct view packet) =
        part(h->header, packet, 0, h->header.n) && IPV4_HEADER <= h->header.n <= IPV4_HEADER_MAX &&
        part(h->payload, packet, h->header.n, h->payload.n) && h->header.n + h->payload.n <= packet.n; */

/* A received packet, its checksum verified. ERR_MALFORMED. */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; ensures \result == OK ==> ipv4_inside(out, packet);
    ensures \result == OK ==> out->header.n + out->payload.n == out->length; */
enum err ipv4_decode(struct view packet, struct ipv4 *out);

/* A packet quoted in an ICMP error: may be cut short, and routers may have changed
 * it, so neither its length nor its checksum is held against it. */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; ensures \result == OK ==> ipv4_inside(out, packet); */
enum err ipv4_decode_quoted(struct view packet, struct ipv4 *out);

/* The header, without options, for a packet of h->length bytes, with its checksum. */
/*@ requires \valid(w) && open(*w) && \valid_read(h);
    requires \separated(h, w, w->out.p + (0 .. w->out.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, IPV4_HEADER); */
void ipv4_encode(struct writer *w, const struct ipv4 *h);

/* The same into 20 bytes of a frame that is being built, for the hot path. */
/*@ requires header.n >= IPV4_HEADER && writable(header) && \valid_read(h);
    requires \separated(h, header.p + (0 .. IPV4_HEADER - 1)); assigns header.p[0 .. IPV4_HEADER - 1]; */
void ipv4_store(struct span header, const struct ipv4 *h);

#endif
