/* IP as the transports above it see it (RFC 791, RFC 1122 §3): routes, packets
 * under construction in the transmit burst, and delivery upwards. Engine code:
 * nothing blocks, time is an argument. */
#ifndef NET_IP_H
#define NET_IP_H

#include "net/stack.h"
#include "wire/ip_sum.h"

enum { IP_ICMP = 1, IP_TCP = 6, IP_UDP = 17 };
enum { IP_TX_HEADER_MAX = 60 }; /* transport header bytes */

/* Where packets to one address go: looked up once, kept by its user, and brought
 * up to date by ip_tx_send when the neighbour or path MTU behind it changes. */
struct ip_route {
    struct ip_addr local, remote;
    u32 next_hop; /* IPv4, host order */
    u32 epoch;    /* of the stack's tables; another one: look again */
    u32 neighbor; /* index into the ARP table, or UINT32_MAX */
    u16 mtu;      /* of the path: IP header and all (RFC 1191) */
};

/* ERR_UNREACHABLE: no address yet, or no route. */
enum err ip_route(struct stack *s, struct ip_addr to, struct ip_route *out);

/* A packet under construction. */
struct ip_tx;

/* The next packet of the burst, with room for a transport header of header_n
 * bytes, zeroed. NULL: the device is full; stop sending until the stack's next
 * send turn (a datagram is dropped and counted, TCP keeps its data). */
struct ip_tx *ip_tx_begin(struct stack *s, size_t header_n);
struct span ip_tx_header(struct ip_tx *t);

/* Appends payload in place: must stay as it is until the end of the loop's turn.
 * At most IP_TX_PARTS_MAX pieces. */
enum { IP_TX_PARTS_MAX = NET_PARTS_MAX - 1 };
void ip_tx_part(struct ip_tx *t, struct view payload);

/* Appends payload by copying it (up to 64 KiB in flight a turn); false: no room. */
bool ip_tx_copy(struct ip_tx *t, struct view payload);

/* Completes the packet: IP and Ethernet headers, and the transport checksum at
 * csum_offset of its header, by the device where it can. gso_size > 0: payload is cut into segments
 * of that size by the device (the caller has looked at its features). An
 * unresolved neighbour queues a copy (few, small) and asks ARP. */
void ip_tx_send(struct ip_tx *t, struct ip_route *route, u8 protocol, u16 csum_offset, u16 gso_size, u64 now);

/* Gives a begun packet back unsent. */
void ip_tx_drop(struct ip_tx *t);

/* What IP hands up: a whole, checked packet. `payload` lies in the received burst:
 * valid until the end of this turn. */
struct ip_in {
    struct ip_addr from, to;
    struct view payload;
    u8 ttl, tos;
    bool broadcast;    /* link or IP broadcast, or multicast */
    bool csum_checked; /* transport checksum vouched for by the device */
    u16 gso_size;      /* segment size of a received super-frame, or 0 */
};

/* Upwards: called by net/ip.c. */
void udp_input(struct stack *s, const struct ip_in *in, u64 now);
void tcp_input(struct stack *s, const struct ip_in *in, u64 now);
/* An ICMP error about a packet of ours: its transport header's first 8 bytes. */
void udp_icmp(struct stack *s, enum err e, struct endpoint local, struct endpoint remote);
/* False: no connection has such a segment in flight, so nobody on its path said so. */
bool tcp_icmp(struct stack *s, enum err e, struct endpoint local, struct endpoint remote, u32 seq, u16 mtu);

/* The device was full: a segment given to ip_tx_send did not leave, nor did any after
 * it, of which tcp_not_sent has heard already. `header`: its TCP header. */
void tcp_not_sent(struct stack *s, struct ip_addr local, struct ip_addr remote, struct view header);

/* The TCP part of the stack: net/tcp*.c, called by net/stack.c. */
enum err tcp_init(struct stack *s, struct arena *a, const struct stack_config *config);
void tcp_settle(struct stack *s);             /* fibers have run: keep what must outlive the burst */
void tcp_output(struct stack *s, u64 now);    /* sends what is pending, until ip_tx_begin says NULL */
void tcp_close_all(struct stack *s, u64 now); /* RST to everyone, at stack_close */
void tcp_stats(const struct stack *s, struct stack_stats *out);
struct tcp *stack_tcp(const struct stack *s); /* what tcp_init stored with stack_set_tcp */
void stack_set_tcp(struct stack *s, struct tcp *t);
struct net_dev *stack_dev(const struct stack *s);

/* The pseudo header's part of a transport checksum (RFC 9293 §3.1). */
u32 ip_pseudo_sum(struct ip_addr from, struct ip_addr to, u8 protocol, u32 length);

#endif
