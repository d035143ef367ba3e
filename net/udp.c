#include "net/udp.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/udp.h"

static u64 hash(u16 port)
{
    return wrap_mul64(port, 0x9e3779b97f4a7c15) >> 32;
}

static struct udp_socket *find(struct stack *s, u16 port)
{
    if (!s->udp.ready)
        return NULL;
    for (struct map_node *n = map_first(&s->udp.by_port, hash(port)); n; n = map_next(n)) {
        struct udp_socket *u = CONTAINER(n, struct udp_socket, node);
        if (u->port == port)
            return u;
    }
    return NULL;
}

/* ---- what arrives ---- */

static void release(struct stack *s, struct udp_datagram *d)
{
    blocks_free(&s->blocks, d->run);
    list_remove(&d->fresh);
    pool_free(&s->udp.datagrams, d);
}

static void unqueue(struct udp_socket *u, struct udp_datagram *d)
{
    list_remove(&d->queued);
    u->queue_n--;
    u->kept_bytes -= d->run.n;
}

static void deliver(struct stack *s, struct udp_socket *u, const struct dgram_in *in)
{
    struct udp_datagram *d = u->queue_n < UDP_QUEUE_MAX ? pool_new(&s->udp.datagrams) : NULL;
    if (!d) {
        count_event(&s->stats.rx_dropped);
        return;
    }
    d->socket = u;
    d->in = *in;
    list_push_back(&u->queue, &d->queued);
    list_push_back(&s->udp.fresh, &d->fresh);
    u->queue_n++;
    (void)waiters_wake_one(&u->readers);
}

void udp_input(struct stack *s, const struct ip_in *in, u64 now)
{
    struct udp u = {0};
    if (udp_decode(in->payload, &u) != OK) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    if (!in->csum_checked && u.has_sum) {
        u32 sum = ip_pseudo_sum(in->from, in->to, IP_UDP, u.length);
        if (ip_sum_fold(ip_sum(u.packet, sum)) != 0xffff) {
            count_event(&s->stats.rx_malformed);
            return;
        }
    }
    if (u.to == DHCP_CLIENT_PORT && s->config.dhcp) {
        dhcp_input(s, u.payload, now);
        return;
    }
    struct udp_socket *socket = s->ip ? find(s, u.to) : NULL;
    if (!socket) {
        count_event(&s->stats.rx_dropped);
        icmp_unreachable(s, in, ICMP_PORT, now);
        return;
    }
    deliver(s, socket, &(struct dgram_in){{in->from, u.from}, {in->to, u.to}, u.payload});
}

/* A socket here talks to many, so what befell a datagram to one of them is no error
 * of the socket: it was lost, as any datagram may be. */
void udp_icmp(struct stack *s, enum err e, struct endpoint local, struct endpoint remote)
{
    (void)e, (void)local, (void)remote;
    count_event(&s->stats.tx_dropped);
}

/* One socket's readers may use half of what can be kept. */
static bool keep(struct stack *s, struct udp_datagram *d)
{
    size_t n = MAX(d->in.data.n, (size_t)1);
    if (d->socket->kept_bytes + n > s->blocks.mem.n / 2)
        return false;
    d->run = blocks_new(&s->blocks, n);
    if (d->run.n == 0)
        return false;
    copy(d->run, d->in.data);
    d->in.data = view_first(view_of(d->run), d->in.data.n);
    d->socket->kept_bytes += d->run.n;
    return true;
}

void udp_settle(struct stack *s)
{
    for (struct link *l; (l = list_pop(&s->udp.handed));)
        release(s, CONTAINER(l, struct udp_datagram, queued));
    for (struct link *l; (l = list_pop(&s->udp.fresh));) {
        struct udp_datagram *d = CONTAINER(l, struct udp_datagram, fresh);
        if (!keep(s, d)) {
            unqueue(d->socket, d);
            release(s, d);
            count_event(&s->stats.rx_dropped);
        }
    }
}

/* ---- the socket ---- */

static struct udp_socket *socket_of(struct dgram *d)
{
    return CONTAINER(d, struct udp_socket, dgram);
}

static void give_back(struct udp_socket *u)
{
    if (u->closed && u->waiting == 0)
        pool_free(&u->stack->udp.sockets, u);
}

static enum err recv(struct dgram *dgram, struct dgram_in *out, u64 deadline)
{
    struct udp_socket *u = socket_of(dgram);
    enum err e = OK;
    while (e == OK && !u->over && list_empty(&u->queue)) {
        u->waiting++;
        e = waiters_wait(&u->readers, deadline);
        u->waiting--;
    }
    if (u->over) {
        give_back(u);
        return ERR_CLOSED;
    }
    if (e != OK)
        return e;
    struct udp_datagram *d = CONTAINER(list_first(&u->queue), struct udp_datagram, queued);
    unqueue(u, d);
    list_remove(&d->fresh);
    list_push_back(&u->stack->udp.handed, &d->queued);
    *out = d->in;
    return OK;
}

static enum err send(struct dgram *dgram, struct endpoint to, struct view data)
{
    struct udp_socket *u = socket_of(dgram);
    struct stack *s = u->stack;
    if (u->over)
        return ERR_CLOSED;
    if (data.n > UDP_PAYLOAD_MAX)
        return ERR_TOO_BIG;
    if (u->route.epoch != s->epoch || !ip_eq(u->route.remote, to.ip))
        TRY(ip_route(s, to.ip, &u->route));
    u8 header[UDP_HEADER];
    struct writer w = writer_of(SPAN_OF(header));
    udp_encode(&w, &(struct udp){.from = u->port, .to = to.port, .length = to_u16(UDP_HEADER + data.n)});
    struct ip_datagram d = {
        .protocol = IP_UDP, .csum_offset = UDP_SUM_OFFSET, .header = written(&w), .data = data};
    return ip_send(s, &u->route, &d, loop_now());
}

static void end(struct udp_socket *u)
{
    struct stack *s = u->stack;
    for (struct link *l; (l = list_first(&u->queue));) {
        struct udp_datagram *d = CONTAINER(l, struct udp_datagram, queued);
        unqueue(u, d);
        release(s, d);
    }
    map_remove(&s->udp.by_port, &u->node);
    u->over = true;
    waiters_wake_all(&u->readers);
}

static void close(struct dgram *dgram)
{
    struct udp_socket *u = socket_of(dgram);
    end(u);
    u->closed = true;
    give_back(u);
}

static const struct dgram_ops ops = {.recv = recv, .send = send, .close = close};

void udp_init(struct stack *s, struct arena *a)
{
    s->udp.arena = a;
}

static enum err make_tables(struct stack *s)
{
    struct udp_table *t = &s->udp;
    if (t->ready)
        return OK;
    u32 sockets = s->config.udp_ports;
    TRY(map_init(&t->by_port, t->arena, sockets));
    TRY(pool_init(&t->sockets, t->arena, sockets, sizeof(struct udp_socket), _Alignof(struct udp_socket)));
    TRY(pool_init(&t->datagrams, t->arena, UDP_DATAGRAMS, sizeof(struct udp_datagram),
                  _Alignof(struct udp_datagram)));
    t->ready = true;
    return OK;
}

static u16 free_port(struct stack *s)
{
    for (u32 tries = 0; tries < 64; tries++) {
        u16 port = to_u16(UDP_EPHEMERAL + random_below(&s->random, 65536 - UDP_EPHEMERAL));
        if (!find(s, port))
            return port;
    }
    return 0;
}

enum err udp_open(struct stack *s, u16 port, struct dgram **out)
{
    TRY(make_tables(s));
    if (port && find(s, port))
        return ERR_EXISTS;
    if (!port)
        port = free_port(s);
    struct udp_socket *u = port ? pool_new(&s->udp.sockets) : NULL;
    if (!u)
        return ERR_LIMIT;
    u->dgram.ops = &ops;
    u->stack = s;
    u->port = port;
    map_put(&s->udp.by_port, &u->node, hash(port));
    *out = &u->dgram;
    return OK;
}

void udp_close_all(struct stack *s)
{
    if (!s->udp.ready)
        return;
    udp_settle(s);
    for (size_t i = 0; i < s->udp.by_port.buckets.n; i++)
        for (struct map_node *n; (n = *map_buckets_at(s->udp.by_port.buckets, i));)
            end(CONTAINER(n, struct udp_socket, node));
}
