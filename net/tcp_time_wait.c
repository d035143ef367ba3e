#include "net/tcp.h"

/* TIME_WAIT, and FIN_WAIT_2 of closed streams, in records of 64 bytes: a ring in the
 * order in which they end, and a hash whose chains are indices. A record that is used up
 * before its time (a new connection, RFC 6191) stays in the ring as a dead one. When the
 * ring is full the oldest goes: its peer is the least likely to have anything under way.
 * There is no timer: what has expired goes when room is asked for. */

enum err tcp_time_wait_init(struct tcp *t, struct arena *a, u32 connections)
{
    u32 n = 64;
    while (n < connections && n < 1u << 20)
        n *= 2;
    t->time_wait = (struct tcp_time_table){
        .ring = {NEW_ARRAY(a, struct tcp_time_wait, n), n},
        .buckets = {NEW_ARRAY(a, u32, n), n},
    };
    return t->time_wait.ring.p && t->time_wait.buckets.p ? OK : ERR_NO_MEMORY;
}

static u32 *bucket_of(struct tcp *t, const struct tcp_tuple *tuple)
{
    struct tcp_time_table *w = &t->time_wait;
    return tcp_time_buckets_at(w->buckets, tcp_tuple_hash(t, tuple) & (w->buckets.n - 1));
}

static void unlink_record(struct tcp *t, struct tcp_time_wait *r)
{
    struct tcp_tuple tuple = {r->local, r->remote, r->local_port, r->remote_port};
    u32 *at = bucket_of(t, &tuple);
    if (!r->live)
        return;
    while (tcp_time_waits_at(t->time_wait.ring, *at - 1) != r)
        at = &tcp_time_waits_at(t->time_wait.ring, *at - 1)->next;
    *at = r->next;
    r->live = false;
    t->time_wait.live--;
}

static void drop_first(struct tcp *t)
{
    struct tcp_time_table *w = &t->time_wait;
    unlink_record(t, tcp_time_waits_at(w->ring, w->first));
    w->first = (w->first + 1) & (u32)(w->ring.n - 1);
    w->count--;
}

/* Remaining time, not order: after a quiet month the clock has gone round. */
static bool is_over(const struct tcp_time_wait *r, u64 now)
{
    u32 left = wrap_sub32(r->until_ms, tcp_ms(now));
    return left == 0 || left > TCP_TIME_WAIT_MS;
}

/* At most a few at once, so that no turn pays for a quiet hour. */
static void expire(struct tcp *t, u64 now)
{
    struct tcp_time_table *w = &t->time_wait;
    for (int i = 0; i < 4 && w->count > 0; i++) {
        struct tcp_time_wait *r = tcp_time_waits_at(w->ring, w->first);
        if (r->live && !is_over(r, now))
            return;
        drop_first(t);
    }
}

static struct tcp_time_wait *add(struct tcp *t, const struct tcp_time_wait *record, u64 now)
{
    struct tcp_time_table *w = &t->time_wait;
    struct tcp_tuple tuple = {record->local, record->remote, record->local_port, record->remote_port};
    expire(t, now);
    if (w->count == w->ring.n)
        drop_first(t);
    u32 i = (w->first + w->count) & (u32)(w->ring.n - 1);
    u32 *bucket = bucket_of(t, &tuple);
    struct tcp_time_wait *r = tcp_time_waits_at(w->ring, i);
    *r = *record;
    r->until_ms = wrap_add32(tcp_ms(now), TCP_TIME_WAIT_MS);
    r->live = true;
    r->next = *bucket;
    *bucket = i + 1;
    w->count++;
    w->live++;
    return r;
}

void tcp_time_wait_enter(struct tcb *c, bool fin_wait_2, u64 now)
{
    struct tcp_time_wait record = {
        .local = c->route.local,
        .remote = c->route.remote,
        .local_port = c->local_port,
        .remote_port = c->remote_port,
        .snd_nxt = c->snd_nxt,
        .rcv_nxt = c->rcv_nxt,
        .time_recent = c->time_recent,
        .time_offset = c->time_offset,
        .window = (u16)MIN(tcp_rcv_wnd(c) >> c->rcv_scale, (u32)UINT16_MAX),
        .time_ok = c->time_ok,
        .fin_wait_2 = fin_wait_2,
    };
    (void)add(c->tcp, &record, now);
    tcp_conn_end(c, ERR_EOF);
}

static struct tcp_time_wait *find(struct tcp *t, const struct tcp_tuple *tuple, u64 now)
{
    if (t->time_wait.live == 0)
        return NULL;
    for (u32 i = *bucket_of(t, tuple); i > 0;) {
        struct tcp_time_wait *r = tcp_time_waits_at(t->time_wait.ring, i - 1);
        if (r->local_port == tuple->local_port && r->remote_port == tuple->remote_port &&
            ip_eq(r->remote, tuple->remote) && ip_eq(r->local, tuple->local))
            return is_over(r, now) ? NULL : r;
        i = r->next;
    }
    return NULL;
}

static void answer(struct tcp *t, const struct tcp_time_wait *r, const struct ip_in *in, u8 flags, u64 now)
{
    struct tcp_segment ack = {
        .from_port = r->local_port,
        .to_port = r->remote_port,
        .seq = r->snd_nxt,
        .ack = r->rcv_nxt,
        .flags = flags,
        .window = r->window,
        .options = {.scale = TCP_SCALE_NONE,
                    .has_time = r->time_ok,
                    .time = wrap_add32(tcp_ms(now), r->time_offset),
                    .time_echo = r->time_recent},
    };
    tcp_reply(t, in, &ack, now);
}

/* RFC 6191 §2: a SYN that can be no old duplicate. */
static bool is_new(const struct tcp_time_wait *r, const struct tcp_segment *seg)
{
    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
        return false;
    if (r->time_ok && seg->options.has_time)
        return seq_lt(r->time_recent, seg->options.time) ||
               (r->time_recent == seg->options.time && seq_lt(r->rcv_nxt, seg->seq));
    return seq_lt(r->rcv_nxt, seg->seq);
}

/* FIN_WAIT_2 of a closed stream: an exact RST ends it, as does text, which nobody will read
 * (RFC 9293 §3.6.1); the peer's FIN makes it TIME_WAIT. All of ours is acknowledged, so
 * there is one number that a segment can rightly acknowledge. False: it is over. */
static bool fin_wait_2(struct tcp *t, struct tcp_time_wait *r, const struct ip_in *in,
                       const struct tcp_segment *seg, u64 now)
{
    u32 end = wrap_add32(seg->seq, (u32)seg->payload.n);
    if (seg->flags & TCP_RST && seg->seq == r->rcv_nxt) {
        unlink_record(t, r);
        return false;
    }
    if ((seg->flags & (TCP_RST | TCP_SYN | TCP_ACK)) != TCP_ACK || seg->ack != r->snd_nxt)
        return true;
    if (seq_lt(r->rcv_nxt, end)) {
        answer(t, r, in, TCP_RST | TCP_ACK, now);
        unlink_record(t, r);
        return false;
    }
    if (seg->flags & TCP_FIN && end == r->rcv_nxt) {
        r->fin_wait_2 = false;
        r->rcv_nxt = wrap_add32(r->rcv_nxt, 1);
        if (seg->options.has_time)
            r->time_recent = seg->options.time;
    }
    return true;
}

bool tcp_time_wait_input(struct tcp *t, const struct tcp_tuple *tuple, const struct ip_in *in,
                         const struct tcp_segment *seg, u64 now)
{
    struct tcp_time_wait *r = find(t, tuple, now);
    if (likely(!r))
        return false;
    if (r->fin_wait_2 && !fin_wait_2(t, r, in, seg, now))
        return true;
    if (seg->flags & TCP_RST)
        return true; /* no assassination: RFC 1337 */
    struct tcp_listener *l = tcp_listener_of(t, tuple->local_port);
    if (l && !r->fin_wait_2 && is_new(r, seg)) {
        u32 above = r->snd_nxt;
        unlink_record(t, r);
        (void)tcp_listen_input(l, in, seg, &above, now);
        return true;
    }
    if (seg->flags & TCP_FIN && wrap_add32(seg->seq, (u32)seg->payload.n + 1) == r->rcv_nxt) {
        struct tcp_time_wait again = *r; /* the first, or our ACK was lost: the clock starts anew */
        unlink_record(t, r);
        r = add(t, &again, now);
    }
    /* Never an ACK for an ACK, since two that disagree would go on for ever; but for a probe. */
    if (seg->payload.n > 0 || seg->flags & (TCP_SYN | TCP_FIN) || wrap_add32(seg->seq, 1) == r->rcv_nxt)
        answer(t, r, in, TCP_ACK, now);
    return true;
}
