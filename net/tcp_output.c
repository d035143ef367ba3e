#include "net/tcp.h"

/* Small segments: the sender's part of RFC 9293 §3.8.6.2 (silly window avoidance) is
 * in sendable(). Nagle's algorithm is left out: what an application writes in one
 * turn of the loop is queued before anything is sent, so small writes merge anyway,
 * and a server's answer never waits for an ACK. stream_hold is there for the rest. */

void tcp_output(struct stack *s, u64 now)
{
    struct tcp *t = stack_tcp(s);
    for (struct link *l; (l = list_first(&t->output)) != NULL;) {
        bool done = tcp_transmit(CONTAINER(l, struct tcb, output_link), now);
        list_remove(l);
        if (!done) {
            list_push_back(&t->output, l); /* the others first when the device has room again */
            return;
        }
    }
}

/* New text is what lies at or above retransmit_next. What followed a segment in the burst
 * did not leave either and was given back before it, so snd_nxt or retransmit_next just
 * goes back; a tail probe may be old text and is left to be lost. */
void tcp_not_sent(struct stack *s, struct ip_addr local, struct ip_addr remote, struct view header)
{
    struct tcp_segment seg;
    if (tcp_decode(&seg, header) != OK || seg.flags & TCP_RST) /* may be lost, and owes nothing */
        return;
    struct tcp_tuple tuple = {local, remote, seg.from_port, seg.to_port};
    struct tcb *c = tcp_find(stack_tcp(s), &tuple);
    if (!c)
        return;
    c->syn_due = (seg.flags & TCP_SYN) != 0;
    c->ack_now = !c->syn_due;
    c->rtt_timing = false;
    if (!c->syn_due && c->tail != TCP_TAIL_SENT && seq_le(c->snd_una, seg.seq)) {
        if (seq_lt(seg.seq, c->retransmit_next))
            c->retransmit_next = seg.seq;
        else if (seq_lt(seg.seq, c->snd_nxt))
            c->snd_nxt = seg.seq;
        c->snd_cursor = NULL;
    }
    tcp_want_output(c);
}

/* The window as it goes into a header. Its right edge moves only by steps worth having. */
static u16 window(struct tcb *c)
{
    u32 edge = tcp_receive_edge(c);
    if (wrap_sub32(edge, c->rcv_edge) >= tcp_receive_step(c, edge, c->rcv_mss))
        c->rcv_edge = edge;
    return (u16)MIN(tcp_rcv_wnd(c) >> c->rcv_scale, (u32)UINT16_MAX);
}

static u32 timestamp(const struct tcb *c, u64 now)
{
    return wrap_add32(tcp_ms(now), c->time_offset);
}

/* Every segment carries the ACK: what was owed is paid. */
static void ack_sent(struct tcb *c)
{
    c->rcv_acked = c->rcv_nxt;
    c->ack_now = false;
    c->ack_at = FOREVER;
    c->dup_acks_due = 0;
    if (c->quick_acks > 0)
        c->quick_acks--;
}

static void route_moved(struct tcb *c, u16 mtu)
{
    if (unlikely(c->route.mtu != mtu))
        tcp_set_mss(c);
}

/* A segment of an established connection at `seq` with up to n bytes of the queue,
 * PSH and FIN where they belong. *length: how much sequence space it took. False:
 * the device is full. */
static bool send_segment(struct tcb *c, u32 seq, u32 n, u32 *length, u64 now)
{
    size_t head = TCP_HEADER_MIN + (c->time_ok ? TCP_OPTION_TIME_SIZE : 0);
    struct ip_tx *t = ip_tx_begin(c->tcp->stack, head);
    if (!t)
        return false;
    u32 got = n > 0 ? tcp_send_gather(c, seq, n, t) : 0;
    u32 end = wrap_add32(seq, got);
    u8 flags = TCP_ACK;
    if (end == c->snd_end && got > 0)
        flags |= TCP_PSH;
    if (end == c->snd_end && c->fin_queued)
        flags |= TCP_FIN;
    struct span out = ip_tx_header(t);
    tcp_encode_plain(out, (u32)c->local_port << 16 | c->remote_port, seq, c->rcv_nxt, flags, window(c));
    if (c->time_ok)
        tcp_encode_time(out, timestamp(c, now), c->time_recent);
    u16 mtu = c->route.mtu;
    ip_tx_send(t, &c->route, IP_TCP, TCP_CSUM_OFFSET, got > c->mss ? c->mss : 0, now);
    route_moved(c, mtu);
    ack_sent(c);
    *length = got + (flags & TCP_FIN ? 1 : 0);
    return true;
}

static void send_ack_header(struct tcb *c, struct ip_tx *t, struct tcp_segment *seg, u64 now)
{
    seg->from_port = c->local_port;
    seg->to_port = c->remote_port;
    seg->ack = c->rcv_nxt;
    seg->flags |= TCP_ACK;
    seg->window = window(c);
    seg->options.time = timestamp(c, now);
    seg->options.time_echo = c->time_recent;
    tcp_encode(ip_tx_header(t), seg);
    u16 mtu = c->route.mtu;
    ip_tx_send(t, &c->route, IP_TCP, TCP_CSUM_OFFSET, 0, now);
    route_moved(c, mtu);
}

static bool send_bare(struct tcb *c, u32 seq, u8 flags, bool sack, u64 now)
{
    struct tcp_segment seg = {
        .seq = seq, .flags = flags, .options = {.scale = TCP_SCALE_NONE, .has_time = c->time_ok}};
    if (sack)
        tcp_receive_sack(c, &seg.options);
    struct ip_tx *t = ip_tx_begin(c->tcp->stack, tcp_header_size(&seg.options, flags));
    if (!t)
        return false;
    send_ack_header(c, t, &seg, now);
    return true;
}

bool tcp_send_ack(struct tcb *c, u64 now)
{
    /* Without SACK the peer counts duplicate ACKs: one for each segment (RFC 5681 §4.2). */
    for (u8 more = c->sack_ok ? 0 : c->dup_acks_due; more > 1; more--)
        if (!send_bare(c, c->snd_nxt, 0, false, now))
            return false;
    if (!send_bare(c, c->snd_nxt, 0, c->sack_ok && c->ooo.first, now))
        return false;
    ack_sent(c);
    return true;
}

void tcp_send_reset(struct tcb *c, u64 now)
{
    (void)send_bare(c, c->snd_nxt, TCP_RST, false, now); /* lost like any segment may be */
}

/* SYN or SYN-ACK. A SYN offers everything, a SYN-ACK what the peer offered too. */
static bool send_syn(struct tcb *c, u64 now)
{
    bool passive = c->state == TCP_SYN_RECEIVED;
    struct tcp_segment seg = {
        .from_port = c->local_port,
        .to_port = c->remote_port,
        .seq = c->iss,
        .ack = passive ? c->rcv_nxt : 0,
        .flags = (u8)(TCP_SYN | (passive ? TCP_ACK : 0)),
        .window = (u16)MIN(tcp_rcv_wnd(c), (u32)UINT16_MAX), /* never scaled: RFC 7323 §2.2 */
        .options =
            {
                .mss = (u16)(c->route.mtu - 40),
                .scale = !passive || c->scale_ok ? c->tcp->rcv_scale : TCP_SCALE_NONE,
                .sack_permitted = !passive || c->sack_ok,
                .has_time = !passive || c->time_ok,
                .time = timestamp(c, now),
                .time_echo = passive ? c->time_recent : 0,
            },
    };
    struct ip_tx *t = ip_tx_begin(c->tcp->stack, tcp_header_size(&seg.options, seg.flags));
    if (!t)
        return false;
    tcp_encode(ip_tx_header(t), &seg);
    ip_tx_send(t, &c->route, IP_TCP, TCP_CSUM_OFFSET, 0, now);
    c->syn_due = false;
    c->rcv_acked = c->rcv_nxt;
    if (c->backoff == 0) {
        c->rtt_start_us = tcp_us(now);
        c->rtt_seq = c->iss;
        c->rtt_timing = true;
    }
    if (c->retransmit_at == FOREVER)
        tcp_retransmit_arm(c, now);
    return true;
}

/* The most of n bytes that one call may hand to the device: a segment, or where it
 * cuts them itself a super-segment of whole ones. */
static u32 at_once(const struct tcb *c, u32 n)
{
    if (n <= c->mss)
        return n;
    if (!(stack_dev(c->tcp->stack)->features & NET_TSO4))
        return c->mss;
    return n < TCP_SUPER_BYTES ? n : TCP_SUPER_BYTES / c->mss * c->mss;
}

/* How many of the `unsent` bytes to send now; 0: wait for an ACK or a wider window. */
static u32 sendable(struct tcb *c, u32 unsent)
{
    u32 in_network = tcp_cwnd_room(c), mss = c->mss;
    u32 edge = wrap_add32(c->snd_una, c->snd_wnd);
    u32 in_window = seq_lt(c->snd_nxt, edge) ? wrap_sub32(edge, c->snd_nxt) : 0;
    u32 room = MIN(in_network, in_window), n = MIN(unsent, room);
    c->limited_by_cwnd = in_network < unsent && in_network <= in_window;
    if ((n == unsent && (!c->held || c->fin_queued)) || c->probe_due)
        return at_once(c, n);
    if (n < mss) {
        bool alone = tcp_flight(c) == 0 && !c->held;
        return !c->limited_by_cwnd && n >= c->snd_wnd_max / 2 && (alone || n < unsent) ? n : 0;
    }
    n = n / mss * mss;
    /* A third of the window still has to be acknowledged: larger super-segments then. */
    u32 whole = MIN(c->cwnd, c->snd_wnd), most = at_once(c, unsent);
    if (c->recovery == TCP_OPEN && n < MIN(most, whole / 3) && tcp_flight(c) > whole / 2)
        return 0;
    return MIN(n, most);
}

static bool send_lost(struct tcb *c, u64 now)
{
    u32 seq, n;
    while (tcp_next_lost(c, &seq, &n)) {
        u32 text = seq_lt(seq, c->snd_end) ? MIN(n, wrap_sub32(c->snd_end, seq)) : 0;
        u32 length;
        if (!send_segment(c, seq, at_once(c, text), &length, now))
            return false;
        if (length == 0)
            break;
        count_event(&c->tcp->retransmits);
        c->rtt_timing = false;
        c->retransmit_next = wrap_add32(seq, length);
        c->retransmit_mark = c->snd_nxt;
        c->sent_ms = tcp_ms(now);
    }
    return true;
}

static void note_sent(struct tcb *c, u32 length, u64 now)
{
    bool idle = tcp_flight(c) == 0;
    c->probe_due = false;
    if (!c->time_ok && !c->rtt_timing && c->recovery == TCP_OPEN) {
        c->rtt_timing = true;
        c->rtt_seq = c->snd_nxt;
        c->rtt_start_us = tcp_us(now);
    }
    c->snd_nxt = wrap_add32(c->snd_nxt, length);
    c->sent_ms = tcp_ms(now);
    if (idle) {
        c->progress_ms = tcp_ms(now);
        c->backoff = 0;
        tcp_retransmit_arm(c, now);
    }
}

static bool send_new(struct tcb *c, u64 now)
{
    bool sent = false;
    if (tcp_flight(c) == 0)
        tcp_cwnd_restart(c, now);
    for (;;) { /* Bound: each turn sends some of what is queued. */
        u32 unsent = tcp_unsent(c), length;
        bool fin = c->fin_queued && !tcp_fin_sent(c);
        if (unsent == 0 && !fin)
            break;
        u32 n = unsent > 0 ? sendable(c, unsent) : 0;
        if (n == 0 && unsent > 0)
            break;
        if (!send_segment(c, c->snd_nxt, n, &length, now))
            return false;
        if (length == 0)
            break;
        note_sent(c, length, now);
        sent = true;
    }
    if (sent)
        tcp_tail_arm(c, now);
    if (c->retransmit_at == FOREVER && tcp_unsent(c) > 0)
        tcp_retransmit_arm(c, now); /* persist */
    return true;
}

/* A new segment if there is one, beyond the congestion window, or the last one again. */
static bool send_tail_probe(struct tcb *c, u64 now)
{
    u32 edge = wrap_add32(c->snd_una, c->snd_wnd), length, n = MIN((u32)c->mss, tcp_unsent(c));
    if (n > 0 && seq_le(wrap_add32(c->snd_nxt, n), edge)) {
        if (!send_segment(c, c->snd_nxt, n, &length, now))
            return false;
        note_sent(c, length, now);
    } else {
        n = MIN((u32)c->mss, tcp_flight(c));
        if (!send_segment(c, wrap_sub32(c->snd_nxt, n), n - tcp_fin_sent(c), &length, now))
            return false;
        count_event(&c->tcp->retransmits);
        c->rtt_timing = false;
    }
    c->tail = TCP_TAIL_SENT;
    return true;
}

bool tcp_transmit(struct tcb *c, u64 now)
{
    if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
        return !c->syn_due || send_syn(c, now);
    /* Persist fills a small window with what fits (the override timer of RFC 9293
     * §3.8.6.2.1), and asks about one that is closed. */
    bool fits = tcp_unsent(c) > 0 && tcp_flight(c) == 0 && c->snd_wnd > 0;
    if (c->probe_due && !fits) {
        if (!send_bare(c, wrap_sub32(c->snd_una, 1), 0, false, now))
            return false;
        c->probe_due = false;
    }
    /* Ranges to report go alone, so that text needs no smaller segments beside them. */
    if (c->ack_now && c->ooo.first && !tcp_send_ack(c, now))
        return false;
    if (c->recovery != TCP_OPEN && !send_lost(c, now))
        return false;
    if (c->tail == TCP_TAIL_DUE && tcp_flight(c) > 0 && !send_tail_probe(c, now))
        return false;
    if (!send_new(c, now))
        return false;
    return !c->ack_now || tcp_send_ack(c, now);
}

/* ---- segments of no connection ---- */

void tcp_reply(struct tcp *t, const struct ip_in *in, const struct tcp_segment *reply, u64 now)
{
    struct ip_route route;
    if (ip_route(t->stack, in->from, &route) != OK)
        return;
    route.local = in->to;
    struct ip_tx *tx = ip_tx_begin(t->stack, tcp_header_size(&reply->options, reply->flags));
    if (!tx)
        return;
    tcp_encode(ip_tx_header(tx), reply);
    ip_tx_send(tx, &route, IP_TCP, TCP_CSUM_OFFSET, 0, now);
}

/* RFC 9293 §3.10.7.1 */
void tcp_refuse(struct tcp *t, const struct ip_in *in, const struct tcp_segment *seg, u64 now)
{
    if (seg->flags & TCP_RST)
        return;
    struct tcp_segment rst = {.from_port = seg->to_port,
                              .to_port = seg->from_port,
                              .flags = TCP_RST,
                              .options.scale = TCP_SCALE_NONE};
    if (seg->flags & TCP_ACK) {
        rst.seq = seg->ack;
    } else {
        u32 length = (u32)seg->payload.n + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
        rst.flags |= TCP_ACK;
        rst.ack = wrap_add32(seg->seq, length);
    }
    count_event(&t->refused);
    tcp_reply(t, in, &rst, now);
}
