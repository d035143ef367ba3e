/* A network stack on one device: link, ARP, IP, ICMP, UDP, TCP, DHCP. All its state
 * hangs off struct stack, taken once from an arena, so several stacks can live in
 * one process. It is a source of the loop (fiber/loop.h); the calls here that
 * block say so. Limits are fixed when it is made. */
#ifndef NET_STACK_H
#define NET_STACK_H

#include "base/arena.h"
#include "fiber/fiber.h"
#include "sig/dgram.h"
#include "sig/net.h"
#include "sig/stream.h"

struct stack; /* defined in net/internal.h, for net/ only */

struct stack_config {
    bool dhcp;             /* else the three below */
    u32 ip, gateway;       /* IPv4, host order; gateway 0: none */
    u8 prefix;             /* length of the network's prefix, 1 to 32 */
    struct view hostname;  /* DHCP option 12; may be empty */
    u32 connections;       /* TCP control blocks, not counting TIME_WAIT */
    u32 udp_ports;         /* open at once */
    size_t buffer_bytes;   /* send and receive buffers of all connections together */
    u32 send_max_bytes;    /* one connection's send buffer at most */
    u32 receive_max_bytes; /* one connection's receive window at most */
    u64 keepalive_ns;      /* silence after which a TCP peer is asked whether it lives; 0: 2 hours */
};

/* Numbers about the stack's life, for tests, logs and `top`. */
struct stack_stats {
    u64 rx_frames, tx_frames, rx_bytes, tx_bytes;
    u64 rx_malformed, rx_dropped, tx_dropped;
    u64 tcp_accepted, tcp_dialed, tcp_refused, tcp_reset, tcp_retransmits, tcp_syn_cookies;
    u32 tcp_open, tcp_time_wait;
    size_t buffer_used_bytes, buffer_peak_bytes;
};

/* Makes a stack on `dev` and adds it to the loop. ERR_NO_MEMORY, ERR_INVALID. The
 * arena keeps its memory. */
enum err stack_new(struct stack **out, struct arena *a, struct net_dev *dev,
                   const struct stack_config *config);

/* (blocks) Until it has an address that nobody else answers for (RFC 5227).
 * ERR_EXISTS: somebody does. */
enum err stack_wait_up(struct stack *s, u64 deadline);

/* Sends a DHCP release where there is a lease, resets what is open, leaves the loop. */
void stack_close(struct stack *s);

struct ip_addr stack_ip(const struct stack *s);
struct stack_stats stack_stats(const struct stack *s);

/* (blocks) For appliances: a stack on network device `number` as the keys --ip,
 * --gateway and the manifest's limits say (net/start.c declares the keys), up and
 * announced on the console. */
enum err net_start(struct stack **out, u32 number, u64 deadline);

/* Streams from `port`. At most `backlog` wait to be accepted. ERR_EXISTS, ERR_NO_MEMORY. */
enum err tcp_listen(struct stack *s, u16 port, u32 backlog, struct listener **out);

/* Streams to elsewhere. The dialer is the stack's. */
struct dialer *tcp_dialer(struct stack *s);

/* Datagrams to and from `port` (0: a free one). ERR_EXISTS, ERR_LIMIT. */
enum err udp_open(struct stack *s, u16 port, struct dgram **out);

#endif
