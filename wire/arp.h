/* ARP for IPv4 over Ethernet (RFC 826). Hardware addresses as in wire/eth.h, IPv4
 * addresses in host order. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include "base/codec.h"

enum { ARP_PACKET = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp {
    u16 op;
    u64 sender_mac, target_mac;
    u32 sender_ip, target_ip;
};

/* ERR_MALFORMED: too short. ERR_UNSUPPORTED: other hardware or protocol. */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; ensures \result == OK ==> packet.n >= ARP_PACKET; */
enum err arp_decode(struct view packet, struct arp *out);

/*@ requires \valid(w) && open(*w) && \valid_read(a);
    requires \separated(a, w, w->out.p + (0 .. w->out.n - 1));
    assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures wrote{Pre, Post}(w, ARP_PACKET); */
void arp_encode(struct writer *w, const struct arp *a);

#endif
