/* The TCP engine (RFC 9293) of one stack, as its files see it. All memory is taken
 * once in tcp_init; nothing here blocks; `now` is an argument. The way of a segment:
 * tcp_input finds the connection and runs Figure 5, tcp_recover learns from its ACK,
 * tcp_buffer keeps its text, tcp_output answers at the end of the turn, tcp_timer
 * watches the silence, and tcp_stream is the side that fibers see. */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "base/hash.h"
#include "base/pool.h"
#include "base/random.h"
#include "net/tcp_conn.h"

enum {
    TCP_LISTENERS_MAX = 16,
    TCP_MSS_DEFAULT = 536,         /* RFC 9293 §3.7.1, when the peer names none */
    TCP_MSS_LEAST = 88,            /* a smaller offer is taken for an attack on our headers */
    TCP_QUICK_ACKS = 16,
    TCP_STATIC_COPY_BYTES = 512,   /* shorter static data is copied: cheaper than a block of its own */
    TCP_SUPER_BYTES = 65535 - 20 - 60, /* payload of a super-segment: IP length is 16 bits */
};

/* The window of a peer that is near: at a round trip below TCP_NEAR_US it is enough
 * for every link, and it fits the socket buffers on the way to it. A host that
 * passes frames on through a socket (passt) drops what does not. */
enum { TCP_NEAR_US = 2000, TCP_NEAR_WINDOW = 192 << 10 };

/* Durations. The least RTO and the delayed ACK are Linux's, well below the 1 s and
 * 500 ms of RFC 6298 and 1122, whose reasons (coarse clocks) have gone. */
#define TCP_RTO_FIRST_US ((u32)1000000)
#define TCP_RTO_MIN_US ((u32)200000)
#define TCP_RTO_MAX_US ((u32)120000000)
#define TCP_TAIL_MIN_US ((u32)10000)
#define TCP_ACK_DELAY_NS (40 * NS_PER_MS)
#define TCP_KEEPALIVE_NS (7200 * NS_PER_S)
#define TCP_KEEPALIVE_STEP_NS (75 * NS_PER_S)
#define TCP_CHALLENGE_MS 500        /* RFC 5961 §10: 10 in 5 s, counted by connection */
#define TCP_USER_TIMEOUT_MS 300000  /* RFC 9293 §3.10.1: five minutes without progress */
#define TCP_ORPHAN_TIMEOUT_MS 60000 /* and one when no application waits for it */
#define TCP_MEMORY_RETRY_NS (20 * NS_PER_MS) /* for a writer that no ACK will wake */
#define TCP_TIME_WAIT_MS 60000      /* twice an MSL of 30 s, as Linux; as long in FIN_WAIT_2 */
#define TCP_COOKIE_STEP_NS (64 * NS_PER_S)
enum { TCP_SYN_RETRIES = 6, TCP_SYN_ACK_RETRIES = 4, TCP_KEEPALIVE_RETRIES = 9, TCP_DOUBT_RETRIES = 3 };
enum { TCP_SCARCE = 32 };           /* when no more than one control block in so many is free */

SLICE(tcp_blocks, struct tcp_block);

/* The pool of blocks. A connection may hold as many as are free (Choudhury and Hahne's
 * dynamic threshold, 1998), so one alone gets half of them; when few are left,
 * TCP_BLOCKS_LEAST or one (see tcp_buffer.c). */
enum { TCP_BLOCKS_LEAST = 4 };

struct tcp_buffers {
    struct tcp_blocks blocks;
    struct tcp_block *free;
    size_t untouched;  /* blocks from here on were never used */
    size_t used, peak;
    size_t reserved;   /* of the free ones: promised to payload that lies in the burst */
    size_t sending;    /* of the used ones: in send queues */
    u64 fail_at;       /* test: the Nth request from now fails; 0: none does */
};

/* Payload that lies in the burst, to be read in place or settled into blocks. */
struct tcp_ref {
    struct view data;
    struct tcb *conn;  /* NULL: gone */
    u16 next;          /* of the same connection; 0: none */
};

/* A connection that has ended on our side first: in TIME_WAIT for stray segments, or
 * before that, with its stream closed, in FIN_WAIT_2 for the peer's FIN. */
struct tcp_time_wait {
    struct ip_addr local, remote;
    u16 local_port, remote_port;
    u32 next;              /* with the same hash: index + 1; 0: none */
    u32 snd_nxt, rcv_nxt;
    u32 time_recent, time_offset;
    u32 until_ms;          /* on the clock of tcp_ms */
    u16 window;
    bool live : 1, time_ok : 1, fin_wait_2 : 1;
};

_Static_assert(sizeof(struct tcp_time_wait) <= 64, "TIME_WAIT costs at most 64 bytes");

SLICE(tcp_time_waits, struct tcp_time_wait);
SLICE(tcp_time_buckets, u32);

/* A ring in the order of their ends, and a hash over it. */
struct tcp_time_table {
    struct tcp_time_waits ring;     /* a power of two */
    struct tcp_time_buckets buckets;
    u32 first, count;               /* count includes records that are not live any more */
    u32 live;
};

struct tcp_listener {
    struct listener listener;
    struct tcp *tcp;
    struct list queue;              /* established, not yet accepted */
    struct waiters waiters;
    u32 backlog, queued, half_open;
    u16 port;                       /* 0: not in use */
};

struct tcp {
    struct stack *stack;
    struct list output;             /* connections with something to send */
    struct tcp_buffers buffers;
    u32 half_open, half_open_max;
    u32 send_blocks_max, receive_max_bytes;
    u16 refs_n;
    u8 rcv_scale;                   /* the one we announce: receive_max_bytes fits */
    bool cookies;                   /* some were sent lately: look for them in ACKs */
    struct pool conns, boards;
    struct map by_tuple;
    u64 accepted, dialed, refused, reset, retransmits, timeouts, cookies_sent, malformed, shed;
    struct dialer dialer;
    struct hash_key tuple_key, isn_key, cookie_key;
    struct random random;
    u64 cookie_at;                  /* the last cookie sent */
    u64 keepalive_ns;
    struct tcp_time_table time_wait;
    struct tcp_listener listeners[TCP_LISTENERS_MAX];
    struct tcp_ref refs[NET_BURST_MAX + 1]; /* at most one a frame; [0] stands for none */
};

/* The four names of a connection, from our side. */
struct tcp_tuple {
    struct ip_addr local, remote;
    u16 local_port, remote_port;
};

/* tcp.c: control blocks. */
struct tcb *tcp_find(struct tcp *t, const struct tcp_tuple *tuple);
struct tcb *tcp_conn_new(struct tcp *t, const struct tcp_tuple *tuple, const struct ip_route *route, u64 now);
u64 tcp_tuple_hash(const struct tcp *t, const struct tcp_tuple *tuple);
u32 tcp_isn(const struct tcp *t, const struct tcp_tuple *tuple, u64 now);         /* RFC 6528 */
u32 tcp_time_offset(const struct tcp *t, const struct tcp_tuple *tuple);          /* RFC 7323 §7.1 */
/* The connection is over: no segment finds it any more, its buffers are given back,
 * whoever waits learns `why`. Frees it if the application has closed it already. */
void tcp_conn_end(struct tcb *c, enum err why);
/* The application is done with it, and it is over. */
void tcp_conn_free(struct tcb *c);
u32 tcp_first_window(const struct tcb *c);         /* for a SYN: it is never scaled */
void tcp_set_mss(struct tcb *c);                   /* from the peer's MSS and the route's MTU */
void tcp_want_output(struct tcb *c);
/* Something happened that readers or writers may wait for. */
void tcp_wake_reader(struct tcb *c);
void tcp_wake_writer(struct tcb *c);

/* tcp_buffer.c: blocks, and the send queue. */
enum err tcp_buffers_init(struct tcp_buffers *b, struct arena *a, size_t bytes);
struct tcp_block *tcp_block_new(struct tcb *c);    /* to receive into; NULL: none that it may have */
struct tcp_block *tcp_block_reserved(struct tcp *t); /* one of those set aside */
void tcp_block_free(struct tcp *t, struct tcp_block *b);
u32 tcp_share_bytes(const struct tcb *c);          /* what the pool would give to receive into now */
u32 tcp_send_room(const struct tcb *c);
size_t tcp_send_copy(struct tcb *c, struct view data);  /* answers how much it took */
bool tcp_send_static(struct tcb *c, struct view data);  /* all or nothing */
void tcp_send_acked(struct tcb *c);                /* gives back the blocks below snd_una */
void tcp_send_drop(struct tcb *c);                 /* all of it */
u32 tcp_send_gather(struct tcb *c, u32 seq, u32 n, struct ip_tx *t); /* appends; answers how much */
void tcp_queue_free(struct tcp *t, struct tcp_queue *q, u16 *count);

/* tcp_receive.c: the receive queue, and what came out of order. */
bool tcp_receive(struct tcb *c, struct view text);  /* in order, at rcv_nxt; false: not all of it fitted */
bool tcp_receive_early(struct tcb *c, u32 seq, struct view text);
void tcp_receive_join(struct tcb *c);               /* what has come into order moves over */
size_t tcp_receive_pieces(struct tcb *c, struct stream_pieces out);
void tcp_receive_consume(struct tcb *c, size_t n);
void tcp_receive_drop(struct tcb *c);               /* all of it */
void tcp_early_drop(struct tcb *c);                 /* what came out of order */
void tcp_receive_sack(const struct tcb *c, struct tcp_options *o); /* the ranges to report */
u32 tcp_receive_most(const struct tcb *c);          /* bytes it may buffer */
u32 tcp_receive_edge(const struct tcb *c);          /* the window's right edge as it could be now */
/* How far the edge must be able to move to be worth telling: `enough`, or half of what the
 * connection may hold at this moment (RFC 9293 §3.8.6.2.2). */
u32 tcp_receive_step(const struct tcb *c, u32 edge, u32 enough);

/* tcp_input.c */
void tcp_challenge(struct tcb *c, u64 now);         /* an ACK, unless one went lately */
void tcp_established(struct tcb *c, u64 now);

/* tcp_listen.c: LISTEN, SYN_RECEIVED's birth and SYN cookies. */
struct tcp_listener *tcp_listener_of(struct tcp *t, u16 port);
/* A segment for a port that is listened on and no connection. isn_above: what the
 * new ISN must lie above (RFC 6191), or NULL. Answers a connection made by a SYN
 * cookie, to which the segment then belongs, or NULL. */
struct tcb *tcp_listen_input(struct tcp_listener *l, const struct ip_in *in, const struct tcp_segment *seg,
                             const u32 *isn_above, u64 now);
void tcp_listener_ready(struct tcb *c);             /* its connection is established */
void tcp_half_open_end(struct tcb *c);              /* leaves SYN_RECEIVED, either way */
void tcp_take_syn(struct tcb *c, const struct tcp_segment *syn,
                  u64 now); /* the peer's SYN, with its options */
void tcp_listener_end(struct tcp_listener *l, u64 now);

/* tcp_time_wait.c */
enum err tcp_time_wait_init(struct tcp *t, struct arena *a, u32 connections);
/* The connection is over but for its record: FIN_WAIT_2 or, with both FINs through, TIME_WAIT. */
void tcp_time_wait_enter(struct tcb *c, bool fin_wait_2, u64 now);
bool tcp_time_wait_input(struct tcp *t, const struct tcp_tuple *tuple, const struct ip_in *in,
                         const struct tcp_segment *seg, u64 now); /* true: it was for one */

/* tcp_recover.c: congestion window, loss detection, RTO. */
void tcp_cwnd_init(struct tcb *c);
void tcp_cwnd_restart(struct tcb *c, u64 now);      /* after idle (RFC 5681 §4.1) */
void tcp_acked(struct tcb *c, u32 ack, const struct tcp_segment *seg, u64 now);
void tcp_dup_acked(struct tcb *c, const struct tcp_segment *seg, bool duplicate);
void tcp_retransmit_timeout(struct tcb *c);
void tcp_all_lost(struct tcb *c);                   /* resend what is in flight, without blame (path MTU) */
u32 tcp_cwnd_room(const struct tcb *c);             /* bytes that may enter the network now */
bool tcp_next_lost(const struct tcb *c, u32 *seq, u32 *n); /* what to send again next */
void tcp_board_free(struct tcb *c);
void tcp_rtt_sample(struct tcb *c, u32 rtt_us);

/* tcp_output.c */
bool tcp_transmit(struct tcb *c, u64 now);          /* false: the device is full */
bool tcp_send_ack(struct tcb *c, u64 now);
/* A segment of no connection, in answer to `in`: RST, SYN-ACK cookie, TIME_WAIT's ACK. */
void tcp_reply(struct tcp *t, const struct ip_in *in, const struct tcp_segment *reply, u64 now);
void tcp_refuse(struct tcp *t, const struct ip_in *in, const struct tcp_segment *seg, u64 now); /* RST */
void tcp_send_reset(struct tcb *c, u64 now);

/* tcp_timer.c */
void tcp_timer_init(struct tcb *c);
void tcp_timer_arm(struct tcb *c);                  /* after one of the deadlines moved closer */
void tcp_tail_arm(struct tcb *c, u64 now);          /* sets the tail loss probe, where one helps */
void tcp_retransmit_arm(struct tcb *c, u64 now);    /* (re)starts the RTO or persist clock */

/* tcp_stream.c */
extern const struct stream_ops tcp_stream_ops;
extern const struct listener_ops tcp_listener_ops;

#endif
