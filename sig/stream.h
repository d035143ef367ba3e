/* A stream of bytes in both directions: TCP, TLS, a pipe of the simulator.
 * Whoever implements it owns the memory of what was received; the reader works on
 * it in place and says how much it is done with. Calls marked (blocks) suspend
 * the calling fiber until they are done, the deadline passes (ERR_TIMEOUT) or the
 * fiber's scope is left (ERR_CANCELED); the others never block. */
#ifndef SIG_STREAM_H
#define SIG_STREAM_H

#include "base/list.h"
#include "base/time.h"
#include "sig/addr.h"

SLICE(stream_pieces, struct view);

/* How long the bytes given to stream_write stay as they are. */
enum stream_life {
    STREAM_COPY,   /* may change as soon as the call returns: copied */
    STREAM_STATIC, /* never change while the image runs (bundle, literals): sent in place */
};

/* Streams that became ready, waiting to be looked at by one fiber (see stream_watch). */
struct stream_ready {
    struct list streams;           /* of struct stream, by its `ready` link */
    void (*wake)(struct stream_ready *);
};

struct stream {
    const struct stream_ops *ops;
    struct stream_ready *watcher; /* where it reports itself ready; NULL: nowhere */
    struct link ready;
    void *owner;                  /* the reader's to use */
};

struct stream_ops {
    size_t (*pieces)(struct stream *, struct stream_pieces out);
    size_t (*buffered)(const struct stream *);
    enum err (*wait)(struct stream *, size_t more_than, u64 deadline);
    void (*consume)(struct stream *, size_t n);
    enum err (*status)(const struct stream *);
    enum err (*write)(struct stream *, struct view data, enum stream_life life, u64 deadline);
    size_t (*room)(const struct stream *);
    enum err (*finish)(struct stream *);
    enum err (*drain)(struct stream *, u64 deadline);
    void (*close)(struct stream *);
    void (*abort)(struct stream *);
    void (*hold)(struct stream *, bool on);
    struct endpoint (*local)(const struct stream *);
    struct endpoint (*remote)(const struct stream *);
};

/* Fills `out` with the buffered bytes in order, as far as it reaches; answers how
 * many pieces. They stay valid until they are consumed or the fiber next blocks. */
static inline size_t stream_pieces(struct stream *s, struct stream_pieces out)
{
    return s->ops->pieces(s, out);
}

/* Bytes received and not yet consumed. */
static inline size_t stream_buffered(const struct stream *s)
{
    return s->ops->buffered(s);
}

/* (blocks) Until more than `more_than` bytes are buffered. ERR_EOF when the peer is
 * done sending and no more will come, ERR_LIMIT when more cannot be buffered. */
static inline enum err stream_wait(struct stream *s, size_t more_than, u64 deadline)
{
    return s->ops->wait(s, more_than, deadline);
}

/* Is done with the first n buffered bytes (n <= stream_buffered, else a trap). */
static inline void stream_consume(struct stream *s, size_t n)
{
    s->ops->consume(s, n);
}

/* OK while bytes can still come; ERR_EOF after the peer's last byte has been
 * buffered; ERR_RESET, ERR_TIMEOUT, ERR_UNREACHABLE, ERR_CLOSED when it is over. */
static inline enum err stream_status(const struct stream *s)
{
    return s->ops->status(s);
}

/* (blocks) Queues all of `data` for sending, in order; blocks while the send
 * buffer is full. What is queued in one turn of the loop is sent together. */
static inline enum err stream_write(struct stream *s, struct view data, enum stream_life life, u64 deadline)
{
    return s->ops->write(s, data, life, deadline);
}

/* Bytes of STREAM_COPY that stream_write takes now without blocking. */
static inline size_t stream_room(const struct stream *s)
{
    return s->ops->room(s);
}

/* Says that no more will be written (FIN). Reading goes on. */
static inline enum err stream_finish(struct stream *s)
{
    return s->ops->finish(s);
}

/* (blocks) Until all that was written has been acknowledged by the peer. */
static inline enum err stream_drain(struct stream *s, u64 deadline)
{
    return s->ops->drain(s, deadline);
}

/* Gives the stream back; it must not be touched again. close: what was written is
 * still delivered in the background, then FIN. abort: dropped, and RST. */
static inline void stream_close(struct stream *s)
{
    s->ops->close(s);
}

static inline void stream_abort(struct stream *s)
{
    s->ops->abort(s);
}

/* While held, written bytes wait to be sent together (as TCP_CORK). */
static inline void stream_hold(struct stream *s, bool on)
{
    s->ops->hold(s, on);
}

static inline struct endpoint stream_local(const struct stream *s)
{
    return s->ops->local(s);
}

static inline struct endpoint stream_remote(const struct stream *s)
{
    return s->ops->remote(s);
}

/* Reports to `to` (NULL: no more) whenever bytes arrive or the status changes: the
 * stream is appended to to->streams unless it is there already. A reader of ten
 * thousand idle streams so needs one fiber and no memory but the streams'. If it
 * has something to look at now, it is reported at once. */
static inline void stream_watch(struct stream *s, struct stream_ready *to)
{
    list_remove(&s->ready);
    s->watcher = to;
    if (to && (stream_buffered(s) > 0 || stream_status(s) != OK)) {
        list_push_back(&to->streams, &s->ready);
        to->wake(to);
    }
}

/* For implementations: something happened that a watcher should see. */
static inline void stream_report(struct stream *s)
{
    if (s->watcher && !link_listed(&s->ready)) {
        list_push_back(&s->watcher->streams, &s->ready);
        s->watcher->wake(s->watcher);
    }
}

/* Where streams come from on the serving side. */
struct listener {
    const struct listener_ops *ops;
};

struct listener_ops {
    enum err (*accept)(struct listener *, struct stream **out, u64 deadline);
    void (*close)(struct listener *);
};

/* (blocks) The next established stream. ERR_CLOSED once the listener is closed. */
static inline enum err listener_accept(struct listener *l, struct stream **out, u64 deadline)
{
    return l->ops->accept(l, out, deadline);
}

static inline void listener_close(struct listener *l)
{
    l->ops->close(l);
}

/* Where streams come from on the asking side. */
struct dialer {
    const struct dialer_ops *ops;
};

struct dialer_ops {
    enum err (*dial)(struct dialer *, struct endpoint to, struct stream **out, u64 deadline);
};

/* (blocks) Connects. ERR_REFUSED, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_LIMIT. */
static inline enum err dialer_dial(struct dialer *d, struct endpoint to, struct stream **out, u64 deadline)
{
    return d->ops->dial(d, to, out, deadline);
}

#endif
