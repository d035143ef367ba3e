#include "net/tcp.h"

static u64 retransmit_interval(const struct tcb *c)
{
    u64 us = (u64)c->rto_us << MIN(c->backoff, (u8)10);
    return MIN(us, (u64)TCP_RTO_MAX_US) * NS_PER_US;
}

void tcp_timer_arm(struct tcb *c)
{
    u64 next = MIN(c->ack_at, c->retransmit_at);
    next = MIN(next, c->idle_at);
    if (next != FOREVER && (!timer_armed(&c->timer) || next < c->timer.when))
        timer_set(&c->timer, next);
}

/* RFC 8985 §7.2, and in fast recovery too, where a segment sent again may be lost
 * again. A single segment is left to the RTO: its ACK may be delayed for as long. */
void tcp_tail_arm(struct tcb *c, u64 now)
{
    bool fits = c->sack_ok && c->recovery != TCP_TIMED_OUT && c->state >= TCP_ESTABLISHED;
    if (!fits || c->srtt_us == 0 || tcp_flight(c) <= c->mss || c->tail > TCP_TAIL_ARMED)
        return;
    u64 at = now + MAX(2 * (u64)c->srtt_us, (u64)TCP_TAIL_MIN_US) * NS_PER_US;
    if (c->tail == TCP_TAIL_IDLE && at >= c->retransmit_at)
        return;
    c->tail = TCP_TAIL_ARMED;
    c->retransmit_at = at;
    tcp_timer_arm(c);
}

void tcp_retransmit_arm(struct tcb *c, u64 now)
{
    u32 unsent = tcp_unsent(c);
    bool stalled = c->held ? unsent >= c->mss : unsent > 0; /* by the peer's window, not by our hold */
    bool waiting = tcp_flight(c) > 0 || stalled || (c->fin_queued && !tcp_fin_sent(c)) || c->doubted;
    c->retransmit_at = waiting ? sat_add(now, retransmit_interval(c)) : FOREVER;
    if (c->tail == TCP_TAIL_ARMED)
        c->tail = TCP_TAIL_IDLE;
    tcp_tail_arm(c, now);
    tcp_timer_arm(c);
}

/* Whether the peer has been without an answer for too long. One that answers probes of
 * its closed window lives (RFC 9293 §3.8.6.1), except when nobody on this side waits for
 * it; and when connections are scarce that side's patience ends early. One that was not
 * asked twice is not given up, however long the machine slept. */
static bool given_up(const struct tcb *c, u64 now)
{
    u32 silent = wrap_sub32(tcp_ms(now), c->progress_ms);
    if (c->doubted)
        return c->backoff >= TCP_DOUBT_RETRIES;
    if (c->backoff < 2)
        return false;
    const struct pool *conns = &c->tcp->conns;
    bool scarce = conns->count - conns->used <= conns->count / TCP_SCARCE;
    if (c->orphan)
        return scarce || silent > TCP_ORPHAN_TIMEOUT_MS;
    if (c->snd_wnd == 0)
        silent = MIN(silent, wrap_sub32(tcp_ms(now), c->heard_ms));
    return silent > TCP_USER_TIMEOUT_MS;
}

static void syn_timeout(struct tcb *c, u64 now)
{
    bool active = c->state == TCP_SYN_SENT;
    if (c->backoff >= (active ? TCP_SYN_RETRIES : TCP_SYN_ACK_RETRIES)) {
        tcp_conn_end(c, ERR_TIMEOUT);
        return;
    }
    c->backoff++;
    c->syn_due = true;
    c->rtt_timing = false;
    tcp_want_output(c);
    tcp_retransmit_arm(c, now);
}

/* The RTO (RFC 6298 §5), or, when nothing is in flight, persist (RFC 9293 §3.8.6.1).
 * Persist asks with an empty segment below the window, as keepalive does, not with a
 * byte: an answer is owed either way, and no byte is in doubt afterwards. */
static void retransmit_timeout(struct tcb *c, u64 now)
{
    if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
        syn_timeout(c, now);
        return;
    }
    if (c->tail == TCP_TAIL_ARMED) {
        c->tail = TCP_TAIL_DUE;
        tcp_want_output(c);
        tcp_retransmit_arm(c, now);
        return;
    }
    if (given_up(c, now)) {
        tcp_send_reset(c, now);
        tcp_conn_end(c, ERR_TIMEOUT);
        return;
    }
    if (tcp_flight(c) > 0)
        tcp_retransmit_timeout(c);
    else
        c->probe_due = true;
    if (c->backoff < UINT8_MAX)
        c->backoff++;
    tcp_want_output(c);
    tcp_retransmit_arm(c, now);
}

/* Keepalive (RFC 9293 §3.8.4). */
static void idle_timeout(struct tcb *c, u64 now)
{
    u64 silent = (u64)wrap_sub32(tcp_ms(now), c->heard_ms) * NS_PER_MS;
    if (silent < c->tcp->keepalive_ns) {
        c->keepalives = 0;
        c->idle_at = now + (c->tcp->keepalive_ns - silent);
        return;
    }
    if (c->keepalives >= TCP_KEEPALIVE_RETRIES) {
        tcp_send_reset(c, now);
        tcp_conn_end(c, ERR_TIMEOUT);
        return;
    }
    c->keepalives++;
    c->probe_due = true;
    tcp_want_output(c);
    c->idle_at = now + MIN(TCP_KEEPALIVE_STEP_NS, c->tcp->keepalive_ns);
}

static void fire(struct timer *timer, u64 now)
{
    struct tcb *c = CONTAINER(timer, struct tcb, timer);
    if (now >= c->ack_at) {
        c->ack_at = FOREVER;
        c->ack_now = true;
        tcp_want_output(c);
    }
    struct tcp *t = c->tcp;
    struct handle h = pool_handle(&t->conns, c);
    if (now >= c->retransmit_at)
        retransmit_timeout(c, now);
    if (pool_get(&t->conns, h) && now >= c->idle_at)
        idle_timeout(c, now);
    if (pool_get(&t->conns, h))
        tcp_timer_arm(c);
}

void tcp_timer_init(struct tcb *c)
{
    c->timer.fire = fire;
    c->ack_at = c->retransmit_at = c->idle_at = FOREVER;
}
