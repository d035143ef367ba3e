#include "net/tcp.h"

/* What is in the network is reckoned as RFC 6675 §4 does (`pipe`): sent, less what
 * was selectively acknowledged, less what is lost, plus what was sent again. Lost is
 * everything unacknowledged below lost_edge; sent again is what lies below
 * retransmit_next. A timeout moves lost_edge to snd_nxt and so needs no code of its
 * own to resend; without SACK each duplicate ACK stands for one segment that left. */

enum { DUP_THRESH = 3, CWND_MAX = 1 << 29 };

/* RFC 6928 §2. */
static u32 initial_window(const struct tcb *c)
{
    u32 mss = c->mss, most = MAX(2 * mss, (u32)14600);
    return MIN(10 * mss, most);
}

void tcp_cwnd_init(struct tcb *c)
{
    c->cwnd = initial_window(c);
    c->ssthresh = CWND_MAX;
    c->rto_us = TCP_RTO_FIRST_US;
}

/* RFC 2861 §3: what is known of the path ages by half for each RTO of silence, down
 * to the initial window; ssthresh remembers where it was. */
void tcp_cwnd_restart(struct tcb *c, u64 now)
{
    u32 idle_ms = wrap_sub32(tcp_ms(now), c->sent_ms), rto_ms = c->rto_us / 1000;
    u32 least = initial_window(c);
    if (idle_ms <= rto_ms || c->cwnd <= least)
        return;
    c->ssthresh = MAX(c->ssthresh, c->cwnd / 4 * 3);
    for (; idle_ms > rto_ms && c->cwnd > least; idle_ms -= rto_ms)
        c->cwnd /= 2;
    c->cwnd = MAX(c->cwnd, least);
}

/* ---- the scoreboard (RFC 6675 §3) ---- */

void tcp_board_free(struct tcb *c)
{
    if (c->board)
        pool_free(&c->tcp->boards, c->board);
    c->board = NULL;
}

static void remove_range(struct tcp_board *b, u32 i)
{
    for (b->n--; i < b->n; i++)
        AT(b->ranges, i) = AT(b->ranges, i + 1);
}

static void insert_range(struct tcp_board *b, u32 i, struct tcp_range r)
{
    for (u32 j = b->n++; j > i; j--)
        AT(b->ranges, j) = AT(b->ranges, j - 1);
    AT(b->ranges, i) = r;
}

/* True when it says something new. A board that is full forgets: the segments will
 * only be sent once more than needed. */
static bool board_add(struct tcp_board *b, struct tcp_range r)
{
    u32 i = 0;
    while (i < b->n && seq_lt(AT(b->ranges, i).to, r.from))
        i++;
    if (i == b->n || seq_lt(r.to, AT(b->ranges, i).from)) {
        if (b->n == TCP_BOARD_RANGES)
            return false;
        insert_range(b, i, r);
        return true;
    }
    struct tcp_range *have = &AT(b->ranges, i);
    if (seq_le(have->from, r.from) && seq_le(r.to, have->to))
        return false;
    have->from = seq_min(have->from, r.from);
    have->to = seq_max(have->to, r.to);
    while (i + 1 < b->n && seq_le(AT(b->ranges, i + 1).from, have->to)) {
        have->to = seq_max(have->to, AT(b->ranges, i + 1).to);
        remove_range(b, i + 1);
    }
    return true;
}

static void board_trim(struct tcb *c)
{
    struct tcp_board *b = c->board;
    if (likely(!b))
        return;
    while (b->n > 0 && seq_le(b->ranges[0].to, c->snd_una))
        remove_range(b, 0);
    /* Text that the peer had, it would have acknowledged: it has thrown it away (RFC 2018 §8). */
    if (b->n == 0 || seq_le(b->ranges[0].from, c->snd_una))
        tcp_board_free(c);
}

/* A range at or below snd_una is a report of a duplicate (RFC 2883), not news. */
static bool board_update(struct tcb *c, const struct tcp_options *o)
{
    bool news = false;
    for (size_t i = 0; i < o->sack_n; i++) {
        struct tcp_range r = AT(o->sack, i);
        if (!seq_lt(r.from, r.to) || !seq_lt(c->snd_una, r.from) || seq_lt(c->snd_nxt, r.to))
            continue;
        if (!c->board)
            c->board = pool_new(&c->tcp->boards);
        if (!c->board)
            return false;
        news |= board_add(c->board, r);
    }
    return news;
}

/* Bytes from snd_una to `edge` that were not selectively acknowledged. */
static u32 unsacked_below(const struct tcb *c, u32 edge)
{
    if (seq_le(edge, c->snd_una))
        return 0;
    u32 n = wrap_sub32(edge, c->snd_una);
    for (u32 i = 0; c->board && i < c->board->n; i++) {
        struct tcp_range r = AT(c->board->ranges, i);
        if (seq_le(edge, r.from))
            break;
        n -= wrap_sub32(seq_min(r.to, edge), r.from);
    }
    return n;
}

static u32 pipe_bytes(const struct tcb *c)
{
    u32 flight = tcp_flight(c);
    if (likely(c->recovery == TCP_OPEN && !c->board && c->dup_acks == 0))
        return flight;
    u32 left = 0;
    if (c->board)
        left = flight - unsacked_below(c, c->snd_nxt);
    else if (c->recovery != TCP_TIMED_OUT)
        left = MIN(flight, (u32)c->dup_acks * c->mss);
    u32 gone = left + unsacked_below(c, c->lost_edge);
    return (u32)sat_sub(flight, gone) + unsacked_below(c, c->retransmit_next);
}

u32 tcp_cwnd_room(const struct tcb *c)
{
    return (u32)sat_sub(c->cwnd, pipe_bytes(c));
}

/* RFC 6675 §4 IsLost: three ranges, or more than two segments' bytes, were
 * acknowledged above it. */
static void find_lost(struct tcb *c)
{
    u32 above = 0;
    for (u32 i = c->board ? c->board->n : 0, ranges = 1; i > 0; i--, ranges++) {
        struct tcp_range r = AT(c->board->ranges, i - 1);
        above += wrap_sub32(r.to, r.from);
        if (ranges >= DUP_THRESH || above > (DUP_THRESH - 1) * (u32)c->mss) {
            c->lost_edge = seq_max(c->lost_edge, r.from);
            return;
        }
    }
}

/* What was sent again and is still missing, though text sent after it has arrived,
 * is lost again: the RTO need not find that out. RFC 5681 §3.1 wants each such loss
 * to count as a sign of congestion. */
static void find_lost_again(struct tcb *c)
{
    if (c->recovery == TCP_OPEN || !c->board || seq_le(c->retransmit_next, c->snd_una))
        return;
    u32 arrived = AT(c->board->ranges, c->board->n - 1).to;
    if (seq_le(arrived, c->retransmit_mark))
        return;
    c->retransmit_next = c->snd_una;
    c->retransmit_mark = c->snd_nxt;
    c->ssthresh = MAX(c->cwnd / 2, 2 * (u32)c->mss);
    c->cwnd = MIN(c->cwnd, c->ssthresh);
}

/* The tail probe has arrived, two round trips after all that was sent before it. */
static void find_lost_before_probe(struct tcb *c)
{
    if (c->tail != TCP_TAIL_SENT || !c->board)
        return;
    struct tcp_range last = AT(c->board->ranges, c->board->n - 1);
    if (last.to == c->snd_nxt)
        c->lost_edge = seq_max(c->lost_edge, last.from);
}

bool tcp_next_lost(const struct tcb *c, u32 *seq, u32 *n)
{
    u32 s = seq_max(c->retransmit_next, c->snd_una), end = c->lost_edge;
    for (u32 i = 0; c->board && i < c->board->n; i++) {
        struct tcp_range r = AT(c->board->ranges, i);
        if (seq_lt(s, r.from)) {
            end = seq_min(end, r.from);
            break;
        }
        s = seq_max(s, r.to);
    }
    if (seq_le(end, s))
        return false;
    u32 lost = wrap_sub32(end, s), room = tcp_cwnd_room(c), least = MIN(lost, (u32)c->mss);
    bool first = c->retransmit_next == c->snd_una; /* goes out whatever the window (§5 step 4.3) */
    if (room < least && !first)
        return false;
    *seq = s;
    *n = MIN(lost, MAX(room / c->mss * c->mss, least));
    return true;
}

/* ---- events ---- */

static void enter_fast(struct tcb *c)
{
    u32 flight = tcp_flight(c);
    c->ssthresh = MAX(flight / 2, 2 * (u32)c->mss);
    c->cwnd = c->ssthresh;
    c->cwnd_acked = 0;
    c->recover = c->snd_nxt;
    c->retransmit_next = c->snd_una;
    c->tail = TCP_TAIL_IDLE;
    c->lost_edge = seq_max(c->lost_edge, wrap_add32(c->snd_una, MIN(flight, (u32)c->mss)));
    c->recovery = TCP_FAST;
    c->rtt_timing = false;
}

void tcp_dup_acked(struct tcb *c, const struct tcp_segment *seg, bool duplicate)
{
    const struct tcp_options *o = &seg->options;
    if (c->sack_ok && !board_update(c, o)) {
        /* Nothing new, or no board to write it on: then it counts as without SACK. */
        bool above = o->sack_n > 0 && seq_lt(c->snd_una, o->sack[0].from);
        if (c->board || !above)
            return;
    } else if (!c->sack_ok && !duplicate) {
        return;
    }
    if (c->dup_acks < UINT8_MAX)
        c->dup_acks++;
    if (c->recovery != TCP_TIMED_OUT)
        find_lost(c);
    find_lost_before_probe(c);
    find_lost_again(c);
    if (c->recovery == TCP_OPEN && (c->dup_acks >= DUP_THRESH || seq_lt(c->snd_una, c->lost_edge)))
        enter_fast(c);
    tcp_want_output(c);
}

/* RFC 5681 §3.1, counting bytes as RFC 3465 does, with no limit in slow start: one
 * ACK stands for many segments where the peer's device merges them. */
static void grow(struct tcb *c, u32 acked, u32 flight)
{
    if (!c->limited_by_cwnd && flight < c->cwnd / 2)
        return;
    if (c->cwnd < c->ssthresh) {
        u32 step = MIN(acked, c->ssthresh - c->cwnd + c->mss);
        c->cwnd = MIN(c->cwnd + step, (u32)CWND_MAX);
        return;
    }
    c->cwnd_acked += MIN(acked, c->cwnd);
    if (c->cwnd_acked >= c->cwnd) {
        c->cwnd_acked -= c->cwnd;
        c->cwnd = MIN(c->cwnd + c->mss, (u32)CWND_MAX);
    }
}

static void leave_recovery(struct tcb *c)
{
    c->recovery = TCP_OPEN;
    c->dup_acks = 0;
    c->lost_edge = c->retransmit_next = c->snd_una;
}

/* RFC 6582 §3.2 step 3: a partial ACK says that the next segment is lost too. */
static void partial_ack(struct tcb *c, u32 acked)
{
    if (c->sack_ok)
        return;
    c->dup_acks = (u8)sat_sub(c->dup_acks, acked / c->mss);
    c->retransmit_next = c->snd_una;
    c->lost_edge = wrap_add32(c->snd_una, MIN(tcp_flight(c), (u32)c->mss));
}

static void sample(struct tcb *c, const struct tcp_options *o, u64 now)
{
    if (c->time_ok && o->has_time && o->time_echo != 0) {
        u32 ms = wrap_sub32(wrap_add32(tcp_ms(now), c->time_offset), o->time_echo);
        if (ms < TCP_RTO_MAX_US / 1000)
            tcp_rtt_sample(c, ms * 1000);
    } else if (c->rtt_timing && seq_lt(c->rtt_seq, c->snd_una)) {
        tcp_rtt_sample(c, MIN(wrap_sub32(tcp_us(now), c->rtt_start_us), TCP_RTO_MAX_US));
        c->rtt_timing = false;
    }
}

/* RFC 3522 (Eifel): the first ACK after a timeout echoes a timestamp from before the
 * segment was sent again, so nothing was lost but time. */
static bool was_spurious(const struct tcb *c, const struct tcp_options *o)
{
    if (c->recovery != TCP_TIMED_OUT || c->backoff != 1 || !c->time_ok || !o->has_time)
        return false;
    return seq_lt(o->time_echo, wrap_add32(c->sent_ms, c->time_offset));
}

void tcp_acked(struct tcb *c, u32 ack, const struct tcp_segment *seg, u64 now)
{
    u32 acked = wrap_sub32(ack, c->snd_una), flight = tcp_flight(c);
    bool spurious = was_spurious(c, &seg->options);
    c->snd_una = ack;
    c->progress_ms = tcp_ms(now);
    c->backoff = 0;
    c->tail = TCP_TAIL_IDLE;
    sample(c, &seg->options, now);
    tcp_send_acked(c);
    board_trim(c);
    c->retransmit_next = seq_max(c->retransmit_next, ack);
    c->lost_edge = seq_max(c->lost_edge, ack);
    switch ((enum tcp_recovery)c->recovery) {
    case TCP_OPEN:
        grow(c, acked, flight);
        c->dup_acks = 0;
        break;
    case TCP_FAST:
        if (seq_le(c->recover, ack))
            leave_recovery(c);
        else
            partial_ack(c, acked);
        break;
    case TCP_TIMED_OUT:
        grow(c, acked, c->cwnd);
        if (spurious) { /* RFC 4015 */
            c->cwnd = MAX(c->cwnd, flight);
            c->ssthresh = MAX(c->ssthresh, flight);
        }
        if (spurious || seq_le(c->recover, ack))
            leave_recovery(c);
        break;
    }
    tcp_retransmit_arm(c, now);
    tcp_wake_writer(c);
    if (tcp_unsent(c) > 0 || c->recovery != TCP_OPEN || (c->fin_queued && !tcp_fin_sent(c)))
        tcp_want_output(c);
}

void tcp_all_lost(struct tcb *c)
{
    c->recovery = TCP_TIMED_OUT;
    c->recover = c->lost_edge = c->snd_nxt;
    c->retransmit_next = c->snd_una;
    c->tail = TCP_TAIL_IDLE;
    c->dup_acks = 0;
    c->rtt_timing = false; /* Karn: an ACK would not say which copy it is for */
    tcp_want_output(c);
}

/* RFC 5681 §3.1 equation 4: only the first timeout of a flight halves ssthresh. The
 * second in a row forgets what was selectively acknowledged: the peer may have
 * thrown it away (RFC 2018 §8). */
void tcp_retransmit_timeout(struct tcb *c)
{
    if (c->backoff == 0)
        c->ssthresh = MAX(tcp_flight(c) / 2, 2 * (u32)c->mss);
    else
        tcp_board_free(c);
    c->cwnd = c->mss;
    c->cwnd_acked = 0;
    count_event(&c->tcp->timeouts);
    tcp_all_lost(c);
}

/* RFC 6298 §2. */
void tcp_rtt_sample(struct tcb *c, u32 rtt_us)
{
    rtt_us = MAX(rtt_us, (u32)1);
    if (c->srtt_us == 0) {
        c->srtt_us = rtt_us;
        c->rttvar_us = rtt_us / 2;
    } else {
        u32 off = MAX(c->srtt_us, rtt_us) - MIN(c->srtt_us, rtt_us);
        c->rttvar_us = c->rttvar_us - c->rttvar_us / 4 + off / 4;
        c->srtt_us = c->srtt_us - c->srtt_us / 8 + rtt_us / 8;
        c->srtt_us = MAX(c->srtt_us, (u32)1);
    }
    u32 rto = c->srtt_us + MAX((u32)1000, 4 * c->rttvar_us);
    c->rto_us = MIN(MAX(rto, TCP_RTO_MIN_US), TCP_RTO_MAX_US);
}
