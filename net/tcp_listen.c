#include "net/tcp.h"

struct tcp_listener *tcp_listener_of(struct tcp *t, u16 port)
{
    for (size_t i = 0; i < TCP_LISTENERS_MAX; i++)
        if (AT(t->listeners, i).port == port && port != 0)
            return &AT(t->listeners, i);
    return NULL;
}

void tcp_take_syn(struct tcb *c, const struct tcp_segment *syn, u64 now)
{
    const struct tcp_options *o = &syn->options;
    u32 wnd = tcp_rcv_wnd(c);
    c->rcv_nxt = wrap_add32(syn->seq, 1);
    c->rcv_edge = wrap_add32(c->rcv_nxt, wnd);
    c->rcv_acked = c->rcv_nxt;
    c->peer_mss = o->mss ? (u16)MAX(o->mss, (u16)TCP_MSS_LEAST) : (u16)TCP_MSS_DEFAULT;
    c->scale_ok = o->scale != TCP_SCALE_NONE;
    c->snd_scale = c->scale_ok ? o->scale : 0;
    if (!c->scale_ok)
        c->rcv_scale = 0;
    c->sack_ok = o->sack_permitted;
    c->time_ok = o->has_time;
    c->time_recent = c->time_ok ? o->time : 0;
    c->time_recent_ms = tcp_ms(now);
    tcp_set_mss(c);
    tcp_cwnd_init(c);
}

void tcp_half_open_end(struct tcb *c)
{
    c->tcp->half_open--;
    if (c->listener)
        c->listener->half_open--;
}

void tcp_listener_ready(struct tcb *c)
{
    struct tcp_listener *l = c->listener;
    count_event(&c->tcp->accepted);
    list_push_back(&l->queue, &c->accept_link);
    l->queued++;
    (void)waiters_wake_one(&l->waiters);
}

static struct tcb *passive_open(struct tcp_listener *l, const struct ip_in *in, const struct tcp_segment *syn,
                                u32 iss, u64 now)
{
    struct tcp *t = l->tcp;
    struct tcp_tuple tuple = {in->to, in->from, syn->to_port, syn->from_port};
    struct ip_route route;
    if (ip_route(t->stack, in->from, &route) != OK)
        return NULL;
    struct tcb *c = tcp_conn_new(t, &tuple, &route, now);
    if (!c)
        return NULL;
    c->state = TCP_SYN_RECEIVED;
    c->listener = l;
    l->half_open++;
    t->half_open++;
    c->iss = c->snd_una = iss;
    c->snd_nxt = c->snd_end = c->recover = wrap_add32(iss, 1);
    c->lost_edge = c->retransmit_next = c->snd_una;
    c->rcv_edge = tcp_first_window(c);
    tcp_take_syn(c, syn, now);
    return c;
}

/* ---- SYN cookies (Bernstein 1996; RFC 4987 §3.6) ----
 * The SYN-ACK's sequence number holds 5 bits of time, 3 of MSS and 24 of a keyed hash
 * over all of it and the ends; the low bits of its timestamp, which the peer echoes,
 * hold the other options. So a flood costs neither memory nor window scaling. */

static const u16 cookie_mss[8] = {216, 536, 1024, 1220, 1360, 1440, 1460, 8960};

enum { COOKIE_TIME_BITS = 6, COOKIE_SACK = 16, COOKIE_SCALE = 15 /* also: none */ };

static u32 cookie(const struct tcp *t, const struct tcp_tuple *tuple, u32 irs, u32 step, u32 mss_index)
{
    u8 bytes[16 + 16 + 2 + 2 + 4 + 4];
    struct writer w = writer_of(SPAN_OF(bytes));
    u32 head = (step & 31) << 3 | mss_index;
    put_bytes(&w, VIEW_OF(tuple->local.b));
    put_bytes(&w, VIEW_OF(tuple->remote.b));
    put_be16(&w, tuple->local_port);
    put_be16(&w, tuple->remote_port);
    put_be32(&w, irs);
    put_be32(&w, step << 3 | mss_index);
    return head << 24 | (u32)(siphash24(t->cookie_key, written(&w)) & 0xffffff);
}

static u32 cookie_step(u64 now)
{
    return (u32)(now / TCP_COOKIE_STEP_NS & (UINT32_MAX >> 3));
}

static u32 cookie_time(u32 time, const struct tcp_options *o)
{
    u32 low = o->scale == TCP_SCALE_NONE ? COOKIE_SCALE : o->scale;
    u32 mask = (1u << COOKIE_TIME_BITS) - 1;
    u32 coded = (time & ~mask) | low | (o->sack_permitted ? COOKIE_SACK : 0);
    return seq_lt(time, coded) ? wrap_sub32(coded, mask + 1) : coded;
}

static void send_cookie(struct tcp *t, const struct ip_in *in, const struct tcp_segment *syn, u64 now)
{
    struct tcp_tuple tuple = {in->to, in->from, syn->to_port, syn->from_port};
    const struct tcp_options *o = &syn->options;
    struct ip_route route;
    u32 mss_index = 0, mss = o->mss ? o->mss : TCP_MSS_DEFAULT;
    if (ip_route(t->stack, in->from, &route) != OK)
        return;
    while (mss_index < 7 && AT(cookie_mss, mss_index + 1) <= mss)
        mss_index++;
    struct tcp_segment reply = {
        .from_port = syn->to_port,
        .to_port = syn->from_port,
        .seq = cookie(t, &tuple, syn->seq, cookie_step(now), mss_index),
        .ack = wrap_add32(syn->seq, 1),
        .flags = TCP_SYN | TCP_ACK,
        .window = (u16)MIN(t->receive_max_bytes, (u32)UINT16_MAX),
        .options =
            {
                .mss = (u16)(route.mtu - 40),
                .scale = o->has_time && o->scale != TCP_SCALE_NONE ? t->rcv_scale : TCP_SCALE_NONE,
                .sack_permitted = o->has_time && o->sack_permitted,
                .has_time = o->has_time,
                .time = cookie_time(wrap_add32(tcp_ms(now), tcp_time_offset(t, &tuple)), o),
                .time_echo = o->time,
            },
    };
    t->cookies = true;
    t->cookie_at = now;
    count_event(&t->cookies_sent);
    tcp_reply(t, in, &reply, now);
}

/* The connection that an ACK of one of our cookies stands for. Cookies are looked
 * for only while some may be on their way, so that there is nothing to guess at
 * other times. */
static struct tcb *take_cookie(struct tcp_listener *l, const struct ip_in *in, const struct tcp_segment *seg,
                               u64 now)
{
    struct tcp *t = l->tcp;
    struct tcp_tuple tuple = {in->to, in->from, seg->to_port, seg->from_port};
    if (!t->cookies)
        return NULL;
    if (now - t->cookie_at > 2 * TCP_COOKIE_STEP_NS) {
        t->cookies = false;
        return NULL;
    }
    u32 iss = wrap_sub32(seg->ack, 1), irs = wrap_sub32(seg->seq, 1);
    u32 step = cookie_step(now), age = ((step & 31) + 32 - (iss >> 27)) & 31;
    if (age > 1 || age > step || cookie(t, &tuple, irs, step - age, iss >> 24 & 7) != iss)
        return NULL;
    struct tcp_segment syn = *seg; /* as it was, as far as it can be known */
    u32 low = seg->options.time_echo;
    bool coded = seg->options.has_time;
    syn.seq = irs;
    syn.options.mss = AT(cookie_mss, iss >> 24 & 7);
    syn.options.sack_permitted = coded && low & COOKIE_SACK;
    syn.options.scale = coded && (low & 15) != COOKIE_SCALE ? (u8)(low & 15) : TCP_SCALE_NONE;
    return passive_open(l, in, &syn, iss, now);
}

/* ---- LISTEN (RFC 9293 §3.10.7.2) ---- */

struct tcb *tcp_listen_input(struct tcp_listener *l, const struct ip_in *in, const struct tcp_segment *seg,
                             const u32 *isn_above, u64 now)
{
    struct tcp *t = l->tcp;
    if (seg->flags & TCP_RST)
        return NULL;
    if (seg->flags & TCP_ACK) {
        struct tcb *c = seg->flags & TCP_SYN ? NULL : take_cookie(l, in, seg, now);
        if (!c && t->conns.used < t->conns.count)
            tcp_refuse(t, in, seg, now);
        return c;
    }
    if (!(seg->flags & TCP_SYN) || seg->flags & TCP_FIN)
        return NULL;
    /* At a limit the SYN is dropped, not refused: the peer tries again by itself, and
     * by then there may be room. */
    if (l->queued >= l->backlog || t->conns.used == t->conns.count) {
        count_event(&t->shed);
        return NULL;
    }
    if (l->half_open >= l->backlog || t->half_open >= t->half_open_max) {
        send_cookie(t, in, seg, now);
        return NULL;
    }
    struct tcp_tuple tuple = {in->to, in->from, seg->to_port, seg->from_port};
    u32 iss = tcp_isn(t, &tuple, now);
    if (isn_above && !seq_lt(*isn_above, iss))
        iss = wrap_add32(*isn_above, UINT16_MAX);
    struct tcb *c = passive_open(l, in, seg, iss, now);
    if (c) {
        c->syn_due = true;
        tcp_want_output(c);
    }
    return NULL;
}

/* Everything that nobody has accepted goes with the listener. */
void tcp_listener_end(struct tcp_listener *l, u64 now)
{
    struct tcp *t = l->tcp;
    for (size_t i = 0; i < t->by_tuple.buckets.n && (l->half_open > 0 || l->queued > 0); i++) {
        struct map_node *n = *map_buckets_at(t->by_tuple.buckets, i);
        while (n) {
            struct tcb *c = CONTAINER(n, struct tcb, node);
            n = n->next;
            if (c->listener != l)
                continue;
            tcp_send_reset(c, now);
            tcp_conn_end(c, ERR_CLOSED);
        }
    }
    l->port = 0;
    waiters_wake_all(&l->waiters);
}
