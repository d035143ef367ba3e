/* ICMP messages (RFC 792; next-hop MTU: RFC 1191 §4). */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include "base/codec.h"

enum { ICMP_HEADER = 8, ICMP_SUM_OFFSET = 2 };

enum icmp_type {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
};

/* Codes of ICMP_UNREACHABLE that a host tells apart, and one of ICMP_TIME_EXCEEDED. */
enum icmp_code {
    ICMP_PROTOCOL = 2,
    ICMP_PORT = 3,
    ICMP_TOO_BIG = 4,
    ICMP_REASSEMBLY = 1,
};

struct icmp {
    u8 type, code;
    u32 rest;            /* the second word: identifier and sequence, or next-hop MTU */
    struct view payload; /* what follows: echo data, or the packet an error is about */
};

/* The checksum has been verified. ERR_MALFORMED. */
/*@ requires readable(packet) && packet.n <= 0xffffffff && \valid(out); assigns *out;
    ensures \result == OK ==> part(out->payload, packet, ICMP_HEADER, packet.n - ICMP_HEADER); */
enum err icmp_decode(struct view packet, struct icmp *out);

/* The header, with a checksum of 0 that is computed when the packet is sent. */
/*@ requires \valid(w) && open(*w) && \valid_read(m);
    requires \separated(m, w, w->out.p + (0 .. w->out.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, ICMP_HEADER); */
void icmp_encode(struct writer *w, const struct icmp *m);

#endif
