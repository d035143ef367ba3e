/* One TCP connection: the transmission control block (RFC 9293 §3.3.1) and the
 * blocks that its buffers are made of. For net/tcp*.c only. All sequence numbers
 * are compared modulo 2^32. */
#ifndef NET_TCP_CONN_H
#define NET_TCP_CONN_H

#include "base/map.h"
#include "base/num.h"
#include "fiber/timer.h"
#include "net/ip.h"
#include "wire/tcp.h"

/* RFC 9293 §3.3.2, Figure 5. LISTEN is a struct tcp_listener and TIME_WAIT a
 * struct tcp_time_wait, as is FIN_WAIT_2 once the stream is closed: none of them
 * needs a control block. */
enum tcp_state {
    TCP_CLOSED, /* over; the application still holds its end */
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
};

/* Where loss recovery stands (net/tcp_recover.c). */
enum tcp_recovery {
    TCP_OPEN,      /* nothing known to be lost */
    TCP_FAST,      /* fast recovery: RFC 6675 with SACK, RFC 6582 without */
    TCP_TIMED_OUT, /* slow start again after a retransmission timeout */
};

/* The tail loss probe of RFC 8985 §7: what is in flight and not answered for two round
 * trips is asked about with one segment, before the RTO calls it lost. */
enum tcp_tail { TCP_TAIL_IDLE, TCP_TAIL_ARMED, TCP_TAIL_DUE, TCP_TAIL_SENT };

/* Buffer memory comes in blocks: bytes [from, to), then `tail`, bytes that lie
 * elsewhere for good (STREAM_STATIC) and are sent from there. So a response of a
 * written head and a bundled body is one block, and small writes share one. */
enum { TCP_BLOCK_SIZE = 1024, TCP_BLOCK_BYTES = TCP_BLOCK_SIZE - 32 };

struct tcp_block {
    struct tcp_block *next;
    u32 seq;          /* of its first byte (send and out-of-order queue) */
    u16 from, to;
    struct view tail;
    u8 bytes[TCP_BLOCK_BYTES];
};

_Static_assert(sizeof(struct tcp_block) == TCP_BLOCK_SIZE, "a block is as large as it says");

struct tcp_queue {
    struct tcp_block *first, *last;
};

/* What the peer has selectively acknowledged: sorted, disjoint, above snd_una. Taken
 * from a small pool while there are holes; without one only the first loss of a
 * flight is repaired before the RTO. */
enum { TCP_BOARD_RANGES = 64 };

struct tcp_board {
    u32 n;
    struct tcp_range ranges[TCP_BOARD_RANGES];
};

struct tcp_listener;

struct tcb {
    struct stream stream;
    struct tcp *tcp;

    /* What code reaches for most, in the first 128 bytes: nearer fields make shorter
     * instructions. */
    u8 state;                      /* enum tcp_state */
    u8 recovery;                   /* enum tcp_recovery */
    u8 tail;                       /* enum tcp_tail */
    u8 status;                     /* enum err: why it is over, or OK */
    u8 dup_acks;
    u8 backoff;                    /* retransmissions or probes in a row without an answer */
    bool time_ok : 1, sack_ok : 1;         /* both sides agreed on them */
    bool ack_now : 1;                  /* an ACK is due in this turn's output */
    bool syn_due : 1;                  /* a SYN or SYN-ACK is due in this turn's output */
    bool fin_queued : 1;               /* our FIN follows the last byte queued */
    bool rtt_timing : 1;
    u16 mss;                       /* payload bytes a segment, options taken off */
    u16 ref_first;                 /* into tcp->refs, payload still in the burst; 0: none */
    u32 snd_una, snd_nxt;
    u32 snd_end;                   /* after the last byte queued: where the FIN goes */
    u32 snd_wnd;
    u32 rcv_nxt;
    u32 rcv_edge;                  /* right edge of the window as promised: never moves left */
    u32 cwnd;
    u32 lost_edge;                 /* below: what is not selectively acknowledged is lost … */
    u32 retransmit_next;           /* … and below this it has been sent again … */
    u32 retransmit_mark;           /* … when this was snd_nxt */
    struct tcp_board *board;
    struct tcp_queue ooo;

    struct tcp_queue snd, rcv;
    struct tcp_block *snd_cursor;  /* at or before snd_nxt, or NULL */
    struct map_node node;          /* in tcp->by_tuple while segments may come */
    struct link output_link;       /* in tcp->output */
    struct ip_route route;         /* with both addresses */
    u16 local_port, remote_port;
    u8 snd_scale, rcv_scale;       /* RFC 7323 §2 */
    bool scale_ok : 1;                 /* both sides agreed on it */
    bool held : 1;                     /* stream_hold */
    bool orphan : 1;                   /* the application has closed it */
    bool fin_known : 1;                /* the peer's FIN has been seen at rcv_fin */
    bool limited_by_cwnd : 1;          /* the last output stopped at the congestion window */
    bool probe_due : 1;                /* a keepalive or zero-window probe is due */
    bool doubted : 1;                  /* an RST came that was not exact: is the peer still there? */
    u32 time_offset;               /* our timestamps are tcp_ms plus this */

    /* Receiving (RFC 9293 §3.3.1). */
    u32 rcv_acked;                 /* the last ACK sent (RFC 7323: Last.ACK.sent) */
    u32 rcv_fin;
    u32 time_recent, time_recent_ms; /* TS.Recent and when it was taken */
    u32 rcv_bytes;                 /* in order and not yet consumed, refs included */
    u16 rcv_mss;                   /* largest segment seen: what "two full segments" means */
    u16 reserved;                  /* blocks set aside for the refs of this turn */
    u16 ref_last;
    u16 rcv_blocks, ooo_blocks, snd_blocks;
    u32 ref_bytes;
    u32 ooo_bytes;                 /* in `ooo` */
    u32 sack_recent[TCP_SACK_MAX - 1]; /* a byte of each range reported last, newest first */
    u8 quick_acks;                 /* to be sent at once, before ACKs are delayed */
    u8 dup_acks_due;               /* one for each segment out of order, where SACK is not there to tell */

    /* Sending. */
    u16 peer_mss;                  /* as its SYN said */
    u32 iss, snd_wl1, snd_wl2;
    u32 snd_wnd_max;

    /* Congestion and loss (RFC 5681, 6298, 6675). */
    u32 ssthresh;
    u32 cwnd_acked;                /* bytes since cwnd last grew in congestion avoidance */
    u32 recover;                   /* recovery ends when this is acknowledged */
    u32 srtt_us, rttvar_us, rto_us;
    u32 rtt_seq;                   /* timed without timestamps; equal to snd_una: none is */
    u32 sent_ms;                   /* last data sent, for the restart after idle */
    u32 progress_ms;               /* the peer last acknowledged something new */
    u32 heard_ms;                  /* the peer last sent anything */
    u32 challenge_ms;              /* last ACK in answer to something suspect */
    u32 rtt_start_us;
    u8 keepalives;                 /* probes in a row without an answer */
    bool challenged : 1;               /* challenge_ms has been set */

    /* One armed timer serves three deadlines. They are only stored when they move
     * and looked at when it fires: an ACK touches no wheel. */
    struct timer timer;
    u64 ack_at;                    /* delayed ACK */
    u64 retransmit_at;             /* RTO; persist when nothing is in flight */
    u64 idle_at;                   /* keepalive */

    struct tcp_listener *listener; /* until accepted */
    struct link accept_link;
    struct waiters reader, writer;
};

_Static_assert(sizeof(struct tcb) <= 512, "ten thousand connections take 5 MiB");

static inline bool seq_lt(u32 a, u32 b)
{
    return wrap_sub32(a, b) >> 31;
}

static inline bool seq_le(u32 a, u32 b)
{
    return !seq_lt(b, a);
}

static inline u32 seq_max(u32 a, u32 b)
{
    return seq_lt(a, b) ? b : a;
}

static inline u32 seq_min(u32 a, u32 b)
{
    return seq_lt(a, b) ? a : b;
}

/* Bytes (and a FIN) sent and not acknowledged. */
static inline u32 tcp_flight(const struct tcb *c)
{
    return wrap_sub32(c->snd_nxt, c->snd_una);
}

/* Bytes queued and not yet sent. */
static inline u32 tcp_unsent(const struct tcb *c)
{
    return seq_lt(c->snd_nxt, c->snd_end) ? wrap_sub32(c->snd_end, c->snd_nxt) : 0;
}

/* Our FIN has been sent. */
static inline bool tcp_fin_sent(const struct tcb *c)
{
    return c->fin_queued && seq_lt(c->snd_end, c->snd_nxt);
}

/* The window the peer may still fill. */
static inline u32 tcp_rcv_wnd(const struct tcb *c)
{
    return wrap_sub32(c->rcv_edge, c->rcv_nxt);
}

/* Milliseconds of the timestamp clock and of everything that is kept in 32 bits. */
static inline u32 tcp_ms(u64 now)
{
    return (u32)(now / NS_PER_MS & UINT32_MAX);
}

/* Microseconds, for what is timed within an hour. */
static inline u32 tcp_us(u64 now)
{
    return (u32)(now / NS_PER_US & UINT32_MAX);
}

#endif
