/* Every frame that the image sends, looked at as a network card and a router would: its
 * lengths agree, its checksums hold, its offload words say what the device promised to
 * do. Written on wire/'s decoders, and apart from net/, which made the frame. */
#include "base/num.h"
#include "host/fuzz/internal.h"
#include "sig/net.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, UDP_GSO_HEADER = 42 };

static void check(bool right, const char *what)
{
    if (!right)
        fuzz_fail("the image sent %s", what);
}

static u32 pseudo(const struct ipv4 *h)
{
    return (h->src >> 16) + (h->src & 0xffff) + (h->dst >> 16) + (h->dst & 0xffff) + h->protocol +
           (u32)h->payload.n;
}

/* Complete, or with the pseudo header's sum in its place for the device to complete. */
static void check_sum(const struct ipv4 *h, const struct host_offload *o, size_t offset)
{
    size_t start = ETH_HEADER + h->header.n;
    if (!(o->flags & NET_NEEDS_CSUM)) {
        check(o->gso == NET_GSO_NONE, "a super-frame without a checksum to complete");
        check(ip_sum_fold(ip_sum(h->payload, pseudo(h))) == 0xffff, "a wrong TCP or UDP checksum");
        return;
    }
    check(fuzz.features & NET_CSUM, "a checksum to complete, which the device does not");
    check(o->csum_start == start && o->csum_offset == offset, "a checksum to complete at a wrong place");
    check(load_be16(h->payload, offset) == ip_sum_fold(pseudo(h)), "a wrong sum of a pseudo header");
}

static void check_tcp(const struct ipv4 *h, const struct host_offload *o)
{
    struct tcp_segment s;
    check(tcp_decode(&s, h->payload) == OK, "a TCP segment that cannot be read");
    check_sum(h, o, TCP_CSUM_OFFSET);
    size_t head = h->payload.n - s.payload.n;
    u8 kinds = s.flags & (TCP_SYN | TCP_FIN | TCP_RST);
    check(kinds == 0 || (kinds & (kinds - 1)) == 0, "a TCP segment of two kinds");
    check(!(s.flags & TCP_SYN) || s.payload.n == 0, "a SYN with data");
    check(s.flags & (TCP_ACK | TCP_RST | TCP_SYN), "a TCP segment that acknowledges nothing");
    if (o->gso == NET_GSO_NONE)
        return;
    check(o->gso == NET_GSO_TCP4 && fuzz.features & NET_TSO4, "a super-frame that the device does not take");
    check(o->hdr_len == ETH_HEADER + h->header.n + head, "a super-frame with a wrong length of its headers");
    check(o->gso_size > 0 && h->header.n + head + o->gso_size <= fuzz.mtu,
          "a super-frame of too large segments");
    check(!(s.flags & (TCP_SYN | TCP_RST)), "a super-frame that is no data");
}

static void check_udp(const struct ipv4 *h, const struct host_offload *o)
{
    struct udp u;
    check(udp_decode(h->payload, &u) == OK && u.length == h->payload.n, "a UDP datagram of a wrong length");
    if (u.has_sum)
        check_sum(h, o, UDP_SUM_OFFSET);
    check(o->gso == NET_GSO_NONE || (o->gso == NET_GSO_UDP && fuzz.features & NET_USO && o->gso_size > 0 &&
                                     o->hdr_len == UDP_GSO_HEADER),
          "a UDP super-frame that the device does not take");
}

static void check_ip(struct view packet, const struct host_offload *o)
{
    struct ipv4 h;
    check(ipv4_decode(packet, &h) == OK, "an IPv4 packet that cannot be read");
    check(h.length == packet.n, "an IPv4 packet of another length than its frame");
    check(h.ttl > 0 && h.dst != 0, "an IPv4 packet to nowhere");
    check(o->gso != NET_GSO_NONE || packet.n <= fuzz.mtu, "a packet larger than the device takes");
    if (h.offset > 0 || h.more_fragments) {
        check(o->flags == 0 && o->gso == 0, "a fragment with offload words");
        return;
    }
    if (h.protocol == PROTO_TCP) {
        check_tcp(&h, o);
    } else if (h.protocol == PROTO_UDP) {
        check_udp(&h, o);
    } else {
        check(h.protocol == PROTO_ICMP && h.payload.n >= ICMP_HEADER, "a packet of an unknown protocol");
        check(o->flags == 0 && o->gso == 0, "ICMP with offload words");
        check(ip_sum_fold(ip_sum(h.payload, 0)) == 0xffff, "a wrong ICMP checksum");
    }
}

void fuzz_check(struct view frame, const struct host_offload *o)
{
    struct eth e;
    struct arp a;
    check(eth_decode(frame, &e) == OK, "a frame shorter than its header");
    check(e.src == FUZZ_MAC, "a frame from another address than its device's");
    check((o->flags & ~(NET_NEEDS_CSUM | NET_DATA_VALID)) == 0, "an offload flag that nobody knows");
    if (e.type == ETH_IPV4) {
        check_ip(e.payload, o);
        return;
    }
    check(e.type == ETH_ARP && o->flags == 0 && o->gso == 0, "a frame of an unknown type");
    check(arp_decode(e.payload, &a) == OK && a.sender_mac == FUZZ_MAC, "an ARP packet in another's name");
}
