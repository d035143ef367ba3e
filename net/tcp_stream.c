#include "net/tcp.h"

#include "fiber/loop.h"

/* The fibers' side: struct stream, listener and dialer (sig/stream.h) over the
 * engine. Only here does anything block. */

static struct tcb *conn(struct stream *s)
{
    return CONTAINER(s, struct tcb, stream);
}

static const struct tcb *const_conn(const struct stream *s)
{
    return CONTAINER(s, struct tcb, stream);
}

/* ---- reading ---- */

static size_t pieces(struct stream *s, struct stream_pieces out)
{
    return tcp_receive_pieces(conn(s), out);
}

static size_t buffered(const struct stream *s)
{
    return const_conn(s)->rcv_bytes;
}

static enum err status(const struct stream *s)
{
    const struct tcb *c = const_conn(s);
    switch ((enum tcp_state)c->state) {
    case TCP_CLOSED:
        return (enum err)c->status;
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
        return ERR_EOF;
    default:
        return OK;
    }
}

static enum err wait(struct stream *s, size_t more_than, u64 deadline)
{
    struct tcb *c = conn(s);
    while (c->rcv_bytes <= more_than) {
        TRY(status(s));
        if (more_than >= tcp_receive_most(c))
            return ERR_LIMIT;
        TRY(waiters_wait(&c->reader, deadline));
    }
    return OK;
}

/* The peer hears of the room when it is worth a segment: a quarter of the buffer, or
 * two segments where it had less than that. */
static void consume(struct stream *s, size_t n)
{
    struct tcb *c = conn(s);
    tcp_receive_consume(c, n);
    if (c->state != TCP_ESTABLISHED && c->state != TCP_FIN_WAIT_1 && c->state != TCP_FIN_WAIT_2)
        return;
    u32 edge = tcp_receive_edge(c), gain = wrap_sub32(edge, c->rcv_edge), two = 2 * (u32)c->rcv_mss;
    bool starved = gain > 0 && tcp_rcv_wnd(c) < two && gain >= tcp_receive_step(c, edge, two);
    if (gain >= tcp_receive_most(c) / 4 || starved) {
        c->ack_now = true;
        tcp_want_output(c);
    }
}

/* ---- writing ---- */

static enum err writable(const struct tcb *c)
{
    if (c->state == TCP_CLOSED)
        return c->status == ERR_EOF ? ERR_CLOSED : (enum err)c->status;
    return c->fin_queued ? ERR_CLOSED : OK;
}

/* Until there is room: an ACK makes some. With nothing of its own under way a writer
 * waits for what others hold, and nobody tells it; it looks again shortly. */
static enum err wait_for_room(struct tcb *c, u64 deadline)
{
    if (c->snd.first)
        return waiters_wait(&c->writer, deadline);
    u64 soon = loop_now() + TCP_MEMORY_RETRY_NS;
    enum err e = waiters_wait(&c->writer, MIN(soon, deadline));
    return e == ERR_TIMEOUT && soon < deadline ? OK : e;
}

static enum err write_copy(struct tcb *c, struct view data, u64 deadline)
{
    for (;;) {
        TRY(writable(c));
        size_t n = tcp_send_copy(c, data);
        if (n > 0)
            tcp_want_output(c);
        data = view_from(data, n);
        if (data.n == 0)
            return OK;
        TRY(wait_for_room(c, deadline));
    }
}

static enum err write_static(struct tcb *c, struct view data, u64 deadline)
{
    enum { STEP_BYTES = 1 << 29 }; /* what the queue takes at once: see tcp_buffer.c */
    while (data.n > 0) {
        TRY(writable(c));
        size_t n = MIN(data.n, (size_t)STEP_BYTES);
        if (tcp_send_static(c, view_first(data, n))) {
            tcp_want_output(c);
            data = view_from(data, n);
            continue;
        }
        TRY(wait_for_room(c, deadline));
    }
    return OK;
}

static enum err write(struct stream *s, struct view data, enum stream_life life, u64 deadline)
{
    struct tcb *c = conn(s);
    if (life == STREAM_STATIC && data.n > TCP_STATIC_COPY_BYTES)
        return write_static(c, data, deadline);
    return write_copy(c, data, deadline);
}

static size_t room(const struct stream *s)
{
    const struct tcb *c = const_conn(s);
    return writable(c) == OK ? tcp_send_room(c) : 0;
}

static void queue_fin(struct tcb *c)
{
    if (c->fin_queued)
        return;
    c->fin_queued = true;
    c->state = c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1;
    tcp_want_output(c);
}

static enum err finish(struct stream *s)
{
    struct tcb *c = conn(s);
    TRY(writable(c));
    queue_fin(c);
    return OK;
}

static bool drained(const struct tcb *c)
{
    return c->snd_una == wrap_add32(c->snd_end, c->fin_queued);
}

static enum err drain(struct stream *s, u64 deadline)
{
    struct tcb *c = conn(s);
    while (!drained(c)) {
        if (c->state == TCP_CLOSED)
            return c->status == ERR_EOF ? ERR_CLOSED : (enum err)c->status;
        TRY(waiters_wait(&c->writer, deadline));
    }
    return OK;
}

static void hold(struct stream *s, bool on)
{
    struct tcb *c = conn(s);
    c->held = on;
    if (!on && c->state != TCP_CLOSED && tcp_unsent(c) > 0)
        tcp_want_output(c);
}

/* ---- the end ---- */

static void leave(struct tcb *c)
{
    c->stream.watcher = NULL;
    list_remove(&c->stream.ready);
    must(!waiters_any(&c->reader) && !waiters_any(&c->writer));
    c->orphan = true;
}

static void close(struct stream *s)
{
    struct tcb *c = conn(s);
    leave(c);
    if (c->state == TCP_CLOSED) {
        tcp_conn_free(c);
        return;
    }
    tcp_receive_drop(c);
    c->held = false;
    c->progress_ms = tcp_ms(loop_now());
    queue_fin(c);
    if (c->state == TCP_FIN_WAIT_2)
        tcp_time_wait_enter(c, true, loop_now());
}

static void abort_(struct stream *s)
{
    struct tcb *c = conn(s);
    leave(c);
    if (c->state == TCP_CLOSED) {
        tcp_conn_free(c);
        return;
    }
    tcp_send_reset(c, loop_now());
    tcp_conn_end(c, ERR_CLOSED);
}

static struct endpoint local(const struct stream *s)
{
    return (struct endpoint){const_conn(s)->route.local, const_conn(s)->local_port};
}

static struct endpoint remote(const struct stream *s)
{
    return (struct endpoint){const_conn(s)->route.remote, const_conn(s)->remote_port};
}

const struct stream_ops tcp_stream_ops = {
    .pieces = pieces,
    .buffered = buffered,
    .wait = wait,
    .consume = consume,
    .status = status,
    .write = write,
    .room = room,
    .finish = finish,
    .drain = drain,
    .close = close,
    .abort = abort_,
    .hold = hold,
    .local = local,
    .remote = remote,
};

/* ---- listening ---- */

enum err tcp_listen(struct stack *s, u16 port, u32 backlog, struct listener **out)
{
    struct tcp *t = stack_tcp(s);
    if (port == 0 || backlog == 0)
        return ERR_INVALID;
    if (tcp_listener_of(t, port))
        return ERR_EXISTS;
    for (size_t i = 0; i < TCP_LISTENERS_MAX; i++) {
        struct tcp_listener *l = &AT(t->listeners, i);
        if (l->port != 0 || waiters_any(&l->waiters))
            continue;
        *l = (struct tcp_listener){{&tcp_listener_ops}, .tcp = t, .backlog = backlog, .port = port};
        *out = &l->listener;
        return OK;
    }
    return ERR_NO_MEMORY;
}

static enum err accept(struct listener *base, struct stream **out, u64 deadline)
{
    struct tcp_listener *l = CONTAINER(base, struct tcp_listener, listener);
    u16 port = l->port;
    while (list_empty(&l->queue)) {
        if (l->port != port || port == 0)
            return ERR_CLOSED;
        TRY(waiters_wait(&l->waiters, deadline));
    }
    struct tcb *c = CONTAINER(list_pop(&l->queue), struct tcb, accept_link);
    l->queued--;
    c->listener = NULL;
    *out = &c->stream;
    return OK;
}

static void listener_close_(struct listener *base)
{
    tcp_listener_end(CONTAINER(base, struct tcp_listener, listener), loop_now());
}

const struct listener_ops tcp_listener_ops = {.accept = accept, .close = listener_close_};

/* ---- dialling ---- */

/* RFC 6056 §3.3.1: a random port of the dynamic range that is free towards `to`. */
static bool choose_port(struct tcp *t, struct tcp_tuple *tuple)
{
    enum { FIRST = 32768, PORTS = 28232, TRIES = 64 };
    for (int i = 0; i < TRIES; i++) {
        tuple->local_port = (u16)(FIRST + random_below(&t->random, PORTS));
        if (!tcp_listener_of(t, tuple->local_port) && !tcp_find(t, tuple))
            return true;
    }
    return false;
}

static enum err active_open(struct tcp *t, struct endpoint to, struct tcb **out, u64 now)
{
    struct ip_route route;
    TRY(ip_route(t->stack, to.ip, &route));
    struct tcp_tuple tuple = {route.local, to.ip, 0, to.port};
    if (!choose_port(t, &tuple))
        return ERR_LIMIT;
    struct tcb *c = tcp_conn_new(t, &tuple, &route, now);
    if (!c)
        return ERR_LIMIT;
    c->state = TCP_SYN_SENT;
    c->time_ok = true; /* offered; settled by the answer */
    c->iss = c->snd_una = tcp_isn(t, &tuple, now);
    c->snd_nxt = c->snd_end = c->recover = wrap_add32(c->iss, 1);
    c->lost_edge = c->retransmit_next = c->snd_una;
    c->rcv_edge = tcp_first_window(c);
    c->syn_due = true;
    tcp_want_output(c);
    *out = c;
    return OK;
}

static enum err dial(struct dialer *d, struct endpoint to, struct stream **out, u64 deadline)
{
    struct tcp *t = CONTAINER(d, struct tcp, dialer);
    struct tcb *c;
    TRY(active_open(t, to, &c, loop_now()));
    enum err e = OK;
    while (e == OK && (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED))
        e = waiters_wait(&c->writer, deadline);
    if (c->state == TCP_CLOSED)
        e = (enum err)c->status;
    if (e != OK) {
        c->orphan = true;
        if (c->state == TCP_CLOSED)
            tcp_conn_free(c);
        else
            tcp_conn_end(c, e);
        return e;
    }
    count_event(&t->dialed);
    *out = &c->stream;
    return OK;
}

/* The table is named here only, so an image that does not dial has no code for it. */
struct dialer *tcp_dialer(struct stack *s)
{
    static const struct dialer_ops ops = {.dial = dial};
    struct dialer *d = &stack_tcp(s)->dialer;
    d->ops = &ops;
    return d;
}
