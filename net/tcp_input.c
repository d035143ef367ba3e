#include "net/tcp.h"

/* An ACK in answer to something suspect. Its rate is limited for each connection, so
 * that no connection can be used to learn about another (RFC 5961 §7 and its
 * side channel, CVE-2016-5696). */
void tcp_challenge(struct tcb *c, u64 now)
{
    u32 ms = tcp_ms(now);
    if (c->challenged && wrap_sub32(ms, c->challenge_ms) < TCP_CHALLENGE_MS)
        return;
    c->challenged = true;
    c->challenge_ms = ms;
    c->ack_now = true;
    tcp_want_output(c);
}

static void ack_at_once(struct tcb *c)
{
    c->ack_now = true;
    tcp_want_output(c);
}

static u32 segment_length(const struct tcp_segment *seg)
{
    return (u32)seg->payload.n + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
}

/* RFC 9293 §3.4, Table 6; but a bare ACK also where the widest window would end: there are
 * peers that overlook that one became a little smaller (passt), and what they say of our
 * text is true all the same. */
static bool acceptable(const struct tcb *c, const struct tcp_segment *seg)
{
    u32 length = segment_length(seg), wnd = tcp_rcv_wnd(c);
    u32 first = wrap_sub32(seg->seq, c->rcv_nxt);
    if (length == 0)
        return first <= MAX(wnd, c->tcp->receive_max_bytes);
    if (wnd == 0)
        return false;
    u32 last = wrap_sub32(wrap_add32(seg->seq, length - 1), c->rcv_nxt);
    return first < wnd || last < wnd || (seq_lt(seg->seq, c->rcv_nxt) && last < INT32_MAX);
}

/* RFC 7323 §5.3 R1, with the escape of §5.5 for a connection idle for 24 days. */
static bool paws_rejects(const struct tcb *c, const struct tcp_segment *seg, u64 now)
{
    const struct tcp_options *o = &seg->options;
    if (!c->time_ok || seg->flags & TCP_RST)
        return false;
    if (!o->has_time)
        return true;
    return seq_lt(o->time, c->time_recent) &&
           wrap_sub32(tcp_ms(now), c->time_recent_ms) < 24u * 24 * 3600 * 1000;
}

static void keep_time(struct tcb *c, const struct tcp_segment *seg, u64 now)
{
    const struct tcp_options *o = &seg->options;
    if (c->time_ok && o->has_time && seq_le(c->time_recent, o->time) && seq_le(seg->seq, c->rcv_acked)) {
        c->time_recent = o->time;
        c->time_recent_ms = tcp_ms(now);
    }
}

/* ---- ACK ---- */

/* RFC 9293 §3.10.7.4: from the newest segment only. */
static bool take_window(struct tcb *c, const struct tcp_segment *seg)
{
    if (seq_lt(seg->seq, c->snd_wl1) || (seg->seq == c->snd_wl1 && seq_lt(seg->ack, c->snd_wl2)))
        return false;
    u32 wnd = (u32)seg->window << c->snd_scale, old = c->snd_wnd;
    c->snd_wl1 = seg->seq;
    c->snd_wl2 = seg->ack;
    c->snd_wnd = wnd;
    c->snd_wnd_max = MAX(c->snd_wnd_max, wnd);
    return wnd != old;
}

/* False: the segment is to be dropped. */
static bool take_ack(struct tcb *c, const struct tcp_segment *seg, u64 now)
{
    if (seq_lt(c->snd_nxt, seg->ack) ||
        seq_lt(seg->ack, wrap_sub32(c->snd_una, c->snd_wnd_max))) { /* RFC 5961 §5.2 */
        tcp_challenge(c, now);
        return false;
    }
    if (seq_lt(seg->ack, c->snd_una))
        return true; /* old, but its text may be needed */
    bool had_window = c->snd_wnd > 0, moved = take_window(c, seg);
    bool text = segment_length(seg) > 0;
    if (seg->ack != c->snd_una) {
        tcp_acked(c, seg->ack, seg, now);
        if (seg->options.sack_n > 0)
            tcp_dup_acked(c, seg, false);
    } else if (tcp_flight(c) > 0) {
        bool duplicate = !text && !moved;
        if (duplicate || seg->options.sack_n > 0)
            tcp_dup_acked(c, seg, duplicate);
    }
    if (moved && tcp_unsent(c) > 0) {
        if (!had_window) {
            c->backoff = 0;
            tcp_retransmit_arm(c, now);
        }
        tcp_want_output(c);
    }
    return true;
}

/* What an acknowledged FIN changes. False: the connection is gone. */
static bool fin_acked(struct tcb *c, u64 now)
{
    if (!tcp_fin_sent(c) || c->snd_una != c->snd_nxt)
        return true;
    switch ((enum tcp_state)c->state) {
    case TCP_FIN_WAIT_1:
        c->state = TCP_FIN_WAIT_2;
        return true;
    case TCP_CLOSING:
        tcp_time_wait_enter(c, false, now);
        return false;
    case TCP_LAST_ACK:
        tcp_conn_end(c, ERR_EOF);
        return false;
    default:
        return true;
    }
}

/* ---- text ---- */

static void schedule_ack(struct tcb *c, u64 now)
{
    u32 owed = wrap_sub32(c->rcv_nxt, c->rcv_acked);
    if (owed >= 2 * (u32)c->rcv_mss || c->quick_acks > 0) {
        ack_at_once(c);
    } else if (c->ack_at == FOREVER) {
        c->ack_at = now + TCP_ACK_DELAY_NS;
        tcp_timer_arm(c);
    }
}

static void take_early(struct tcb *c, u32 seq, struct view text)
{
    if (!c->orphan)
        (void)tcp_receive_early(c, seq, text); /* what finds no memory comes again */
    if (c->dup_acks_due < UINT8_MAX)
        c->dup_acks_due++;
    ack_at_once(c);
}

/* False: an orphan has been reset. */
static bool take_text(struct tcb *c, const struct tcp_segment *seg, const struct ip_in *in, u64 now)
{
    struct view text = seg->payload;
    u32 seq = seg->seq;
    if (seq_lt(seq, c->rcv_nxt)) {
        u32 known = MIN(wrap_sub32(c->rcv_nxt, seq), (u32)text.n);
        text = view_from(text, known);
        seq = c->rcv_nxt;
        ack_at_once(c); /* our ACK was lost, or theirs was hasty */
    }
    u32 room = seq_lt(seq, c->rcv_edge) ? wrap_sub32(c->rcv_edge, seq) : 0;
    if (text.n > room) {
        text = view_first(text, room);
        ack_at_once(c);
    }
    if (text.n == 0)
        return true;
    u16 seen = (u16)MIN(in->gso_size ? in->gso_size : text.n, (size_t)c->route.mtu);
    c->rcv_mss = (u16)MAX(c->rcv_mss, seen);
    if (c->orphan && c->state == TCP_FIN_WAIT_2) {
        /* All of ours has arrived, and nobody will read this: RFC 9293 §3.6.1. */
        tcp_send_reset(c, now);
        tcp_conn_end(c, ERR_CLOSED);
        return false;
    }
    if (seq != c->rcv_nxt) {
        take_early(c, seq, text);
        return true;
    }
    if (c->orphan) {
        c->rcv_nxt = wrap_add32(c->rcv_nxt, (u32)text.n);
        c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt);
    } else if (!tcp_receive(c, text)) {
        count_event(&c->tcp->shed); /* what did not fit comes again */
        ack_at_once(c);
    }
    if (unlikely(c->ooo.first)) {
        tcp_receive_join(c);
        ack_at_once(c);
    }
    schedule_ack(c, now);
    tcp_wake_reader(c);
    return true;
}

/* ---- FIN ---- */

static void take_fin(struct tcb *c, u64 now)
{
    c->rcv_nxt = wrap_add32(c->rcv_nxt, 1);
    c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt);
    c->fin_known = false;
    ack_at_once(c);
    switch ((enum tcp_state)c->state) {
    case TCP_ESTABLISHED:
        c->state = TCP_CLOSE_WAIT;
        break;
    case TCP_FIN_WAIT_1:
        c->state = TCP_CLOSING;
        break;
    case TCP_FIN_WAIT_2:
        (void)tcp_send_ack(c, now); /* lost: TIME_WAIT answers the next FIN */
        tcp_time_wait_enter(c, false, now);
        return;
    default:
        break;
    }
    tcp_wake_reader(c);
}

static bool receives_text(const struct tcb *c)
{
    return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2;
}

/* ---- connections being made ---- */

void tcp_established(struct tcb *c, u64 now)
{
    c->state = TCP_ESTABLISHED;
    c->backoff = 0;
    c->retransmit_at = FOREVER;
    c->progress_ms = c->sent_ms = tcp_ms(now);
    if (c->rtt_timing)
        tcp_rtt_sample(c, MIN(wrap_sub32(tcp_us(now), c->rtt_start_us), TCP_RTO_MAX_US));
    c->rtt_timing = false;
    c->idle_at = sat_add(now, c->tcp->keepalive_ns);
    tcp_timer_arm(c);
}

/* RFC 9293 §3.10.7.3 */
static void syn_sent(struct tcb *c, const struct ip_in *in, const struct tcp_segment *seg, u64 now)
{
    bool acks = seg->flags & TCP_ACK;
    if (acks && seg->ack != c->snd_nxt) {
        tcp_refuse(c->tcp, in, seg, now);
        return;
    }
    if (seg->flags & TCP_RST) {
        if (acks)
            tcp_conn_end(c, ERR_REFUSED);
        return;
    }
    if (!(seg->flags & TCP_SYN))
        return;
    tcp_take_syn(c, seg, now);
    c->snd_wl1 = seg->seq;
    c->snd_wl2 = seg->ack;
    c->snd_wnd = c->snd_wnd_max = seg->window;
    if (!acks) { /* simultaneous open: Figure 7 */
        c->state = TCP_SYN_RECEIVED;
        c->tcp->half_open++;
        c->syn_due = true;
        tcp_want_output(c);
        return;
    }
    c->snd_una = seg->ack;
    tcp_established(c, now);
    ack_at_once(c);
    tcp_wake_writer(c);
}

/* RFC 9293 §3.10.7.4, fifth check, SYN-RECEIVED. False: not established by it. */
static bool syn_received(struct tcb *c, const struct ip_in *in, const struct tcp_segment *seg, u64 now)
{
    if (seg->ack != c->snd_nxt) {
        tcp_refuse(c->tcp, in, seg, now);
        return false;
    }
    tcp_half_open_end(c);
    c->snd_una = seg->ack;
    c->snd_wl1 = seg->seq;
    c->snd_wl2 = seg->ack;
    c->snd_wnd = (u32)seg->window << c->snd_scale;
    c->snd_wnd_max = c->snd_wnd;
    tcp_established(c, now);
    if (c->listener)
        tcp_listener_ready(c);
    else
        tcp_wake_writer(c);
    return true;
}

/* Not acceptable: an ACK says what is expected, at once where text came again, and
 * rarely where it might be an answer to an answer. */
static void unacceptable(struct tcb *c, const struct ip_in *in, const struct tcp_segment *seg, u64 now)
{
    if (seg->flags & TCP_RST)
        return;
    if (c->state == TCP_SYN_RECEIVED && seg->flags & TCP_SYN && wrap_add32(seg->seq, 1) == c->rcv_nxt) {
        if (!(seg->flags & TCP_ACK)) {
            c->syn_due = true; /* our SYN-ACK was lost */
            tcp_want_output(c);
        } else if (syn_received(c, in, seg, now)) { /* theirs, in a simultaneous open: it is an ACK too */
            c->snd_wnd = c->snd_wnd_max = seg->window;
            ack_at_once(c);
        }
    } else if (seg->payload.n > 0 || seg->flags & TCP_FIN) {
        ack_at_once(c);
    } else {
        tcp_challenge(c, now);
    }
}

/* RST and SYN in the window (RFC 5961 §3.2, §4.2). An RST that is not exact may have
 * overtaken text, and a peer that is gone without a trace (behind passt, say) answers no
 * challenge. So it is asked, at the pace of retransmissions, until it answers. */
static void suspect(struct tcb *c, const struct tcp_segment *seg, u64 now)
{
    if (seg->flags & TCP_RST && seg->seq == c->rcv_nxt) {
        count_event(&c->tcp->reset);
        tcp_conn_end(c, c->state == TCP_SYN_RECEIVED && !c->listener ? ERR_REFUSED : ERR_RESET);
        return;
    }
    tcp_challenge(c, now);
    if (seg->flags & TCP_RST && !c->doubted) {
        c->doubted = true;
        c->backoff = 0;
        tcp_retransmit_arm(c, now);
    }
}

/* RFC 9293 §3.10.7.4: the order of the checks is the RFC's, with those of RFC 7323
 * and RFC 5961 in their places. */
apart static void segment_arrives(struct tcb *c, const struct ip_in *in, const struct tcp_segment *seg,
                                  u64 now)
{
    if (unlikely(c->state == TCP_SYN_SENT)) {
        syn_sent(c, in, seg, now);
        return;
    }
    if (unlikely(paws_rejects(c, seg, now))) {
        if (seg->options.has_time)
            tcp_challenge(c, now);
        return;
    }
    if (unlikely(seg->seq != c->rcv_nxt && !acceptable(c, seg))) {
        unacceptable(c, in, seg, now);
        return;
    }
    c->heard_ms = tcp_ms(now);
    if (unlikely(seg->flags & (TCP_RST | TCP_SYN))) {
        suspect(c, seg, now);
        return;
    }
    if (unlikely(c->doubted))
        c->doubted = c->backoff == 0; /* until it was asked: this may have been under way */
    if (unlikely(!(seg->flags & TCP_ACK)))
        return;
    if (unlikely(c->state == TCP_SYN_RECEIVED) && !syn_received(c, in, seg, now))
        return;
    keep_time(c, seg, now);
    if (!take_ack(c, seg, now) || !fin_acked(c, now))
        return;
    if (!receives_text(c)) {
        if (segment_length(seg) > 0)
            ack_at_once(c);
        return;
    }
    if (seg->payload.n > 0 && !take_text(c, seg, in, now))
        return;
    if (unlikely(seg->flags & TCP_FIN)) {
        c->fin_known = true;
        c->rcv_fin = wrap_add32(seg->seq, (u32)seg->payload.n);
    }
    if (unlikely(c->fin_known && c->rcv_nxt == c->rcv_fin))
        take_fin(c, now);
    else if (unlikely(c->orphan && c->state == TCP_FIN_WAIT_2))
        tcp_time_wait_enter(c, true, now);
}

static bool checksum_holds(const struct ip_in *in)
{
    if (likely(in->csum_checked))
        return true;
    u32 sum = ip_pseudo_sum(in->from, in->to, IP_TCP, (u32)in->payload.n);
    return ip_sum_fold(ip_sum(in->payload, sum)) == 0xffff;
}

void tcp_input(struct stack *s, const struct ip_in *in, u64 now)
{
    struct tcp *t = stack_tcp(s);
    struct tcp_segment seg;
    if (unlikely(in->broadcast || tcp_decode(&seg, in->payload) != OK || !checksum_holds(in))) {
        count_event(&t->malformed);
        return;
    }
    struct tcp_tuple tuple = {in->to, in->from, seg.to_port, seg.from_port};
    struct tcb *c = tcp_find(t, &tuple);
    if (!c && !tcp_time_wait_input(t, &tuple, in, &seg, now)) {
        struct tcp_listener *l = tcp_listener_of(t, seg.to_port);
        if (!l) {
            tcp_refuse(t, in, &seg, now);
            return;
        }
        c = tcp_listen_input(l, in, &seg, NULL, now);
    }
    if (c)
        segment_arrives(c, in, &seg, now);
}
