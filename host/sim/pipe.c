/* Streams without a network. Each end owns the ring of what comes in to it: bytes
 * are put in by the peer's write, shown by a timer after the latency and piece by
 * piece, and stay in place until they are consumed. */
#include <stdlib.h>

#include "base/num.h"
#include "fiber/loop.h"
#include "fiber/timer.h"
#include "host/sim/internal.h"

enum { DEFAULT_BYTES = 65536, STALE = 0xdd };

struct pipe_end {
    struct stream stream;
    struct sim_pipe *pipe;
    struct pipe_end *peer;
    struct endpoint address;
    struct span ring;
    size_t first, count;      /* bytes in the ring */
    size_t shown;             /* of these, how many have arrived */
    size_t due;               /* bytes that the armed timer will show */
    struct timer arrival;
    bool finished, eof;       /* the peer will write no more; and that has arrived */
    bool held;                /* the peer collects before it sends */
    bool closed;              /* given back */
    enum err over;            /* ERR_RESET after the peer's abort */
    struct waiters readers;   /* for more to be shown */
    struct waiters writers;   /* fibers of the peer: for room, or for all to be shown */
    struct link pending;      /* in a listener's queue */
};

struct sim_pipe {
    struct link link; /* in sim.pipes */
    struct sim_pipe_options options;
    struct pipe_end ends[2];
};

static struct pipe_end *end_of(const struct stream *s)
{
    struct pipe_end *e = CONTAINER(s, struct pipe_end, stream);
    must(!e->closed);
    return e;
}

/* ---- arriving -------------------------------------------------------------------- */

/* Arms the timer when there is something to show and nothing is on its way. */
static void schedule(struct pipe_end *to, u64 delay_ns)
{
    bool news = to->count > to->shown || (to->finished && !to->eof);
    bool wait_for_more = to->held && !to->finished && to->count < to->ring.n;
    if (!news || wait_for_more || timer_armed(&to->arrival))
        return;
    to->due = to->count;
    timer_set(&to->arrival, loop_now() + delay_ns);
}

static void tell(struct pipe_end *e)
{
    waiters_wake_all(&e->readers);
    waiters_wake_all(&e->writers);
    stream_report(&e->stream);
}

static void arrive(struct timer *t, u64 now)
{
    (void)now;
    struct pipe_end *e = CONTAINER(t, struct pipe_end, arrival);
    size_t piece = e->pipe->options.piece_bytes, rest = e->due - e->shown;
    e->shown += piece ? MIN(piece, rest) : rest;
    e->eof = e->finished && e->shown == e->count;
    schedule(e, e->shown < e->due ? 0 : e->pipe->options.latency_ns);
    tell(e);
}

/* ---- reading --------------------------------------------------------------------- */

/* At most n bytes from `skip` behind the first, as far as they lie in one piece. */
static struct span stretch(const struct pipe_end *e, size_t skip, size_t n)
{
    size_t at = (e->first + skip) % e->ring.n;
    return span_sub(e->ring, at, MIN(n, e->ring.n - at));
}

static size_t pipe_pieces(struct stream *s, struct stream_pieces out)
{
    struct pipe_end *e = end_of(s);
    size_t scatter = e->pipe->options.scatter_bytes, n = 0;
    for (size_t done = 0; done < e->shown && n < out.n; n++) {
        size_t rest = e->shown - done;
        struct span piece = stretch(e, done, scatter ? MIN(scatter, rest) : rest);
        *stream_pieces_at(out, n) = view_of(piece);
        done += piece.n;
    }
    return n;
}

static size_t pipe_buffered(const struct stream *s)
{
    return end_of(s)->shown;
}

static enum err pipe_status(const struct stream *s)
{
    const struct pipe_end *e = end_of(s);
    return e->over != OK ? e->over : e->eof ? ERR_EOF : OK;
}

static enum err pipe_wait(struct stream *s, size_t more_than, u64 deadline)
{
    struct pipe_end *e = end_of(s);
    while (e->shown <= more_than) {
        TRY(pipe_status(s));
        if (e->shown == e->ring.n)
            return ERR_LIMIT;
        TRY(waiters_wait(&e->readers, deadline));
    }
    return OK;
}

/* What is consumed is made useless at once: a reader that still looks is found out. */
static void pipe_consume(struct stream *s, size_t n)
{
    struct pipe_end *e = end_of(s);
    must(n <= e->shown);
    e->count -= n;
    e->shown -= n;
    e->due = sat_sub(e->due, n);
    for (size_t rest = n; rest > 0;) {
        struct span gone = stretch(e, 0, rest);
        fill(gone, STALE);
        e->first = (e->first + gone.n) % e->ring.n;
        rest -= gone.n;
    }
    waiters_wake_all(&e->writers);
}

/* ---- writing --------------------------------------------------------------------- */

static size_t pipe_room(const struct stream *s)
{
    const struct pipe_end *to = end_of(s)->peer;
    return to->closed ? 0 : to->ring.n - to->count;
}

static enum err may_write(const struct pipe_end *e)
{
    if (e->over != OK)
        return e->over;
    if (e->peer->finished)
        return ERR_CLOSED;
    return e->peer->closed ? ERR_RESET : OK;
}

static enum err pipe_write(struct stream *s, struct view data, enum stream_life life, u64 deadline)
{
    (void)life;
    struct pipe_end *e = end_of(s), *to = e->peer;
    for (;;) {
        TRY(may_write(e));
        if (data.n == 0)
            return OK;
        size_t room = to->ring.n - to->count;
        if (room == 0) {
            TRY(waiters_wait(&to->writers, deadline));
            continue;
        }
        struct span piece = stretch(to, to->count, MIN(room, data.n));
        copy(piece, view_first(data, piece.n));
        to->count += piece.n;
        data = view_from(data, piece.n);
        schedule(to, e->pipe->options.latency_ns);
    }
}

static enum err pipe_finish(struct stream *s)
{
    struct pipe_end *e = end_of(s);
    TRY(may_write(e));
    e->peer->finished = true;
    schedule(e->peer, e->pipe->options.latency_ns);
    return OK;
}

static enum err pipe_drain(struct stream *s, u64 deadline)
{
    struct pipe_end *e = end_of(s);
    while (e->over == OK && !e->peer->closed && e->peer->shown < e->peer->count)
        TRY(waiters_wait(&e->peer->writers, deadline));
    return e->over;
}

static void pipe_hold(struct stream *s, bool on)
{
    struct pipe_end *e = end_of(s);
    e->peer->held = on;
    schedule(e->peer, e->pipe->options.latency_ns);
}

/* ---- ending ---------------------------------------------------------------------- */

static void pipe_free(struct sim_pipe *p)
{
    for (size_t i = 0; i < COUNT(p->ends); i++) {
        struct pipe_end *e = &AT(p->ends, i);
        timer_stop(&e->arrival);
        free(e->ring.p);
    }
    list_remove(&p->link);
    free(p);
}

static void give_back(struct pipe_end *e)
{
    list_remove(&e->stream.ready);
    e->closed = true;
    waiters_wake_all(&e->writers);
    must(!waiters_any(&e->readers));
    if (e->peer->closed)
        pipe_free(e->pipe);
}

static void pipe_close(struct stream *s)
{
    struct pipe_end *e = end_of(s);
    e->peer->held = false;
    e->peer->finished = true;
    if (!e->peer->closed)
        schedule(e->peer, e->pipe->options.latency_ns);
    give_back(e);
}

static void pipe_abort(struct stream *s)
{
    struct pipe_end *e = end_of(s), *to = e->peer;
    if (!to->closed) {
        to->over = ERR_RESET;
        to->count = to->due = to->shown;
        timer_stop(&to->arrival);
        tell(to);
    }
    give_back(e);
}

void sim_pipes_end(void)
{
    for (struct link *l; (l = list_first(&sim.pipes));)
        pipe_free(CONTAINER(l, struct sim_pipe, link));
}

static struct endpoint pipe_local(const struct stream *s)
{
    return end_of(s)->address;
}

static struct endpoint pipe_remote(const struct stream *s)
{
    return end_of(s)->peer->address;
}

/* ---- making ---------------------------------------------------------------------- */

static const struct stream_ops pipe_ops = {
    .pieces = pipe_pieces,
    .buffered = pipe_buffered,
    .wait = pipe_wait,
    .consume = pipe_consume,
    .status = pipe_status,
    .write = pipe_write,
    .room = pipe_room,
    .finish = pipe_finish,
    .drain = pipe_drain,
    .close = pipe_close,
    .abort = pipe_abort,
    .hold = pipe_hold,
    .local = pipe_local,
    .remote = pipe_remote,
};

static struct sim_pipe *pipe_new(struct sim_pipe_options options)
{
    struct sim_pipe *p = calloc(1, sizeof *p);
    must(p);
    p->options = options;
    size_t n = options.buffer_bytes ? options.buffer_bytes : DEFAULT_BYTES;
    for (size_t i = 0; i < COUNT(p->ends); i++) {
        struct pipe_end *e = &AT(p->ends, i);
        e->stream.ops = &pipe_ops;
        e->pipe = p;
        e->peer = &AT(p->ends, 1 - i);
        e->arrival.fire = arrive;
        e->ring = (struct span){malloc(n), n};
        must(e->ring.p);
    }
    p->ends[0].address = (struct endpoint){ip4(0x0a000001), 40000};
    p->ends[1].address = (struct endpoint){ip4(0x0a000002), 80};
    list_push_back(&sim.pipes, &p->link);
    return p;
}

void sim_pipe(struct stream **a, struct stream **b, struct sim_pipe_options options)
{
    struct sim_pipe *p = pipe_new(options);
    *a = &p->ends[0].stream;
    *b = &p->ends[1].stream;
}

/* ---- listeners ------------------------------------------------------------------- */

struct pipe_listener {
    struct listener listener;
    struct dialer dialer;
    struct sim_pipe_options options;
    struct list pending;
    struct waiters acceptors;
    bool closed;
    u16 port; /* of the last dialer */
};

static enum err listener_take(struct listener *l, struct stream **out, u64 deadline)
{
    struct pipe_listener *me = CONTAINER(l, struct pipe_listener, listener);
    while (list_empty(&me->pending)) {
        if (me->closed)
            return ERR_CLOSED;
        TRY(waiters_wait(&me->acceptors, deadline));
    }
    *out = &CONTAINER(list_pop(&me->pending), struct pipe_end, pending)->stream;
    return OK;
}

static void listener_end(struct listener *l)
{
    struct pipe_listener *me = CONTAINER(l, struct pipe_listener, listener);
    me->closed = true;
    for (struct link *p; (p = list_pop(&me->pending));)
        pipe_abort(&CONTAINER(p, struct pipe_end, pending)->stream);
    waiters_wake_all(&me->acceptors);
}

static enum err dial(struct dialer *d, struct endpoint to, struct stream **out, u64 deadline)
{
    (void)deadline;
    struct pipe_listener *me = CONTAINER(d, struct pipe_listener, dialer);
    if (me->closed)
        return ERR_REFUSED;
    struct sim_pipe *p = pipe_new(me->options);
    p->ends[0].address.port = me->port = wrap_add16(me->port, 1);
    p->ends[1].address = to;
    list_push_back(&me->pending, &p->ends[1].pending);
    waiters_wake_one(&me->acceptors);
    *out = &p->ends[0].stream;
    return OK;
}

void sim_listener(struct listener **listener, struct dialer **dialer, struct sim_pipe_options options)
{
    static const struct listener_ops listener_ops = {.accept = listener_take, .close = listener_end};
    static const struct dialer_ops dialer_ops = {.dial = dial};
    struct pipe_listener *me = SIM_NEW(struct pipe_listener);
    *me = (struct pipe_listener){
        .listener = {&listener_ops},
        .dialer = {&dialer_ops},
        .options = options,
        .port = 40000,
    };
    *listener = &me->listener;
    *dialer = &me->dialer;
}
