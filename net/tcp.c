#include "net/tcp.h"

#include "sig/entropy.h"

/* ---- the engine ---- */

static u8 scale_for(u32 window)
{
    u8 scale = 0;
    while (scale < TCP_SCALE_MAX && window >> scale > UINT16_MAX)
        scale++;
    return scale;
}

enum err tcp_init(struct stack *s, struct arena *a, const struct stack_config *config)
{
    struct tcp *t = NEW(a, struct tcp);
    u32 n = config->connections;
    if (!t)
        return ERR_NO_MEMORY;
    if (n == 0 || config->send_max_bytes < TCP_BLOCK_SIZE || config->receive_max_bytes < TCP_BLOCK_SIZE)
        return ERR_INVALID;
    TRY(pool_init(&t->conns, a, n, sizeof(struct tcb), _Alignof(struct tcb)));
    TRY(pool_init(&t->boards, a, MAX(n / 16, (u32)16), sizeof(struct tcp_board), _Alignof(struct tcp_board)));
    TRY(map_init(&t->by_tuple, a, n));
    TRY(tcp_buffers_init(&t->buffers, a, config->buffer_bytes));
    TRY(tcp_time_wait_init(t, a, n));
    t->stack = s;
    t->tuple_key = entropy_hash_key();
    t->isn_key = entropy_hash_key();
    t->cookie_key = entropy_hash_key();
    random_seed(&t->random, entropy_u64());
    t->keepalive_ns = config->keepalive_ns ? config->keepalive_ns : TCP_KEEPALIVE_NS;
    t->half_open_max = MAX(n / 8, (u32)8);
    t->send_blocks_max = MIN(config->send_max_bytes / TCP_BLOCK_SIZE, (u32)UINT16_MAX / 2);
    t->receive_max_bytes = MIN(config->receive_max_bytes, (u32)16 << 20);
    t->rcv_scale = scale_for(t->receive_max_bytes);
    stack_set_tcp(s, t);
    return OK;
}

void tcp_stats(const struct stack *s, struct stack_stats *out)
{
    const struct tcp *t = stack_tcp(s);
    out->tcp_accepted = t->accepted;
    out->tcp_dialed = t->dialed;
    out->tcp_refused = t->refused;
    out->tcp_reset = t->reset;
    out->tcp_retransmits = t->retransmits;
    out->tcp_syn_cookies = t->cookies_sent;
    out->tcp_open = t->conns.used;
    out->tcp_time_wait = t->time_wait.live;
    out->buffer_used_bytes += t->buffers.used * TCP_BLOCK_SIZE;
    out->buffer_peak_bytes += t->buffers.peak * TCP_BLOCK_SIZE;
    out->rx_malformed += t->malformed;
    out->rx_dropped += t->shed;
}

void tcp_close_all(struct stack *s, u64 now)
{
    struct tcp *t = stack_tcp(s);
    for (size_t i = 0; i < t->by_tuple.buckets.n; i++) {
        struct map_node *n;
        while ((n = *map_buckets_at(t->by_tuple.buckets, i)) != NULL) {
            struct tcb *c = CONTAINER(n, struct tcb, node);
            if (c->state != TCP_SYN_SENT && !tcp_fin_sent(c)) /* after a FIN there is no more to say */
                tcp_send_reset(c, now);
            tcp_conn_end(c, ERR_CLOSED);
        }
    }
}

/* An error about a segment of ours (RFC 5927): believed only if its sequence number
 * is in flight. A connection that stands outlives it; one being made does not. */
bool tcp_icmp(struct stack *s, enum err e, struct endpoint local, struct endpoint remote, u32 seq, u16 mtu)
{
    struct tcp *t = stack_tcp(s);
    struct tcp_tuple tuple = {local.ip, remote.ip, local.port, remote.port};
    struct tcb *c = tcp_find(t, &tuple);
    if (!c || seq_lt(seq, c->snd_una) || !seq_lt(seq, c->snd_nxt))
        return false;
    if (e != ERR_TOO_BIG) {
        if (c->state == TCP_SYN_SENT)
            tcp_conn_end(c, e);
        return true;
    }
    if (mtu >= c->route.mtu)
        return true;
    c->route.mtu = mtu;
    tcp_set_mss(c);
    if (c->state >= TCP_ESTABLISHED)
        tcp_all_lost(c); /* RFC 1191 §6.5: at once, and no sign of congestion */
    return true;
}

/* ---- names and numbers ---- */

wraps static u64 mix(u64 a, u64 b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (u64)(product >> 64) ^ (u64)product;
}

/* A keyed multiply-and-fold of both ends (Lemire and Kaser 2014), a third of what
 * SipHash costs. Its values never leave the stack, so an outsider has nothing to
 * learn the key from but how long a chain takes. */
u64 tcp_tuple_hash(const struct tcp *t, const struct tcp_tuple *tuple)
{
    u64 ports = (u64)tuple->local_port << 16 | tuple->remote_port;
    u64 high = load_be64(VIEW_OF(tuple->remote.b), 0) ^ ports << 32;
    u64 low = load_be64(VIEW_OF(tuple->remote.b), 8);
    u64 local = load_be64(VIEW_OF(tuple->local.b), 8);
    return mix(mix(low ^ t->tuple_key.k0, high ^ t->tuple_key.k1) ^ local, t->tuple_key.k1 | 1);
}

static u64 secret_hash(struct hash_key key, const struct tcp_tuple *tuple, u8 purpose)
{
    u8 bytes[37];
    struct writer w = writer_of(SPAN_OF(bytes));
    put_bytes(&w, VIEW_OF(tuple->local.b));
    put_bytes(&w, VIEW_OF(tuple->remote.b));
    put_be16(&w, tuple->local_port);
    put_be16(&w, tuple->remote_port);
    put_u8(&w, purpose);
    return siphash24(key, written(&w));
}

/* RFC 6528: a clock of 4 µs plus a keyed hash of the ends. */
u32 tcp_isn(const struct tcp *t, const struct tcp_tuple *tuple, u64 now)
{
    u32 clock = (u32)(now / (4 * NS_PER_US) & UINT32_MAX);
    return wrap_add32(clock, (u32)(secret_hash(t->isn_key, tuple, 0) & UINT32_MAX));
}

/* The same for all connections between two ports, so that a new one goes on where
 * the last one in TIME_WAIT stopped (RFC 7323 §7.1). */
u32 tcp_time_offset(const struct tcp *t, const struct tcp_tuple *tuple)
{
    return (u32)(secret_hash(t->isn_key, tuple, 1) & UINT32_MAX);
}

struct tcb *tcp_find(struct tcp *t, const struct tcp_tuple *tuple)
{
    u64 hash = tcp_tuple_hash(t, tuple);
    for (struct map_node *n = map_first(&t->by_tuple, hash); n; n = map_next(n)) {
        struct tcb *c = CONTAINER(n, struct tcb, node);
        if (c->local_port == tuple->local_port && c->remote_port == tuple->remote_port &&
            ip_eq(c->route.remote, tuple->remote) && ip_eq(c->route.local, tuple->local))
            return c;
    }
    return NULL;
}

/* ---- a connection's life ---- */

u32 tcp_first_window(const struct tcb *c)
{
    u32 most = MIN(c->tcp->receive_max_bytes, (u32)UINT16_MAX);
    return MIN(most, tcp_share_bytes(c));
}

void tcp_set_mss(struct tcb *c)
{
    u32 most = MIN((u32)c->peer_mss, (u32)c->route.mtu - 40);
    most = MAX(most, (u32)TCP_MSS_LEAST);
    c->mss = to_u16(most - (c->time_ok ? TCP_OPTION_TIME_SIZE : 0));
    c->cwnd = MAX(c->cwnd, (u32)c->mss);
}

struct tcb *tcp_conn_new(struct tcp *t, const struct tcp_tuple *tuple, const struct ip_route *route, u64 now)
{
    struct tcb *c = pool_new(&t->conns);
    if (!c) {
        count_event(&t->shed);
        return NULL;
    }
    c->stream.ops = &tcp_stream_ops;
    c->tcp = t;
    c->route = *route;
    c->route.local = tuple->local;
    c->local_port = tuple->local_port;
    c->remote_port = tuple->remote_port;
    c->time_offset = tcp_time_offset(t, tuple);
    c->rcv_scale = t->rcv_scale;
    c->rcv_mss = TCP_MSS_DEFAULT;
    c->peer_mss = TCP_MSS_DEFAULT;
    c->quick_acks = TCP_QUICK_ACKS;
    c->progress_ms = c->heard_ms = tcp_ms(now);
    c->rto_us = TCP_RTO_FIRST_US;
    tcp_set_mss(c);
    tcp_timer_init(c);
    map_put(&t->by_tuple, &c->node, tcp_tuple_hash(t, tuple));
    return c;
}

void tcp_want_output(struct tcb *c)
{
    if (!link_listed(&c->output_link))
        list_push_back(&c->tcp->output, &c->output_link);
}

void tcp_wake_reader(struct tcb *c)
{
    if (waiters_any(&c->reader))
        waiters_wake_all(&c->reader);
    stream_report(&c->stream);
}

void tcp_wake_writer(struct tcb *c)
{
    if (waiters_any(&c->writer))
        waiters_wake_all(&c->writer);
}

void tcp_conn_end(struct tcb *c, enum err why)
{
    struct tcp *t = c->tcp;
    if (c->state == TCP_SYN_RECEIVED)
        tcp_half_open_end(c);
    c->state = TCP_CLOSED;
    c->status = (u8)why;
    c->ack_at = c->retransmit_at = c->idle_at = FOREVER;
    timer_stop(&c->timer);
    map_remove(&t->by_tuple, &c->node);
    list_remove(&c->output_link);
    tcp_board_free(c);
    tcp_send_drop(c);
    tcp_early_drop(c);
    if (c->listener) {
        if (link_listed(&c->accept_link))
            c->listener->queued--;
        list_remove(&c->accept_link);
        c->orphan = true;
    }
    tcp_wake_reader(c);
    tcp_wake_writer(c);
    if (c->orphan)
        tcp_conn_free(c);
}

void tcp_conn_free(struct tcb *c)
{
    must(c->state == TCP_CLOSED);
    must(!waiters_any(&c->reader) && !waiters_any(&c->writer)); /* nobody may use a closed stream */
    tcp_receive_drop(c);
    list_remove(&c->stream.ready);
    pool_free(&c->tcp->conns, c);
}
