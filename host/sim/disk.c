/* Disks: a write is done when it is in the disk's cache; only a flush makes it durable.
 * Between the two lies the log, from which a crash picks blocks by chance. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "host/sim/internal.h"

enum { TEAR = 8 }; /* what a torn block is torn at */

struct logged {
    struct logged *next;
    u64 at, n;
    u8 bytes[];
};

struct request {
    struct block_request r;
    u64 when, order;
    u64 logged;   /* of a flush: writes that were done before it */
    bool used, done, failed;
};

struct sim_disk {
    struct block_dev dev;
    struct sim_disk_options o;
    struct span cached, durable;
    struct logged *log, **log_end;
    u64 logged;                /* writes that were ever logged */
    u64 flushed;               /* … that are durable */
    struct request requests[BLOCK_QUEUE_MAX];
    u64 order, busy_until;
    bool off;
    struct sim_disk_counts counts;
};

static struct sim_disk *disk_of(struct block_dev *dev)
{
    return CONTAINER(dev, struct sim_disk, dev);
}

/* ---- what becomes of bytes ----------------------------------------------------------- */

static void put(struct span disk, u64 at, struct view bytes)
{
    copy(span_sub(disk, at, bytes.n), bytes);
}

/* The block's bytes, or, where the disk tears, a part of them from either end. */
static void put_block(struct sim_disk *d, u64 at, struct view block)
{
    if (d->o.torn && sim_chance(500000)) {
        u64 n = random_below(&sim.random, block.n / TEAR) * TEAR;
        bool front = sim_chance(500000);
        put(d->durable, front ? at : at + n, front ? view_first(block, n) : view_from(block, n));
        return;
    }
    put(d->durable, at, block);
}

/* Each block of it survives, or does not. */
static void put_by_chance(struct sim_disk *d, u64 at, struct view bytes)
{
    for (u64 i = 0; i < bytes.n; i += d->dev.block_bytes)
        if (sim_chance(500000))
            put_block(d, at + i, view_sub(bytes, i, d->dev.block_bytes));
}

static void write_cached(struct sim_disk *d, u64 at, struct view bytes)
{
    struct logged *l = malloc(sizeof *l + bytes.n);
    must(l);
    l->next = NULL;
    l->at = at;
    l->n = bytes.n;
    memcpy(l->bytes, bytes.p, bytes.n);
    *d->log_end = l;
    d->log_end = &l->next;
    d->logged++;
    put(d->cached, at, bytes);
}

static void drop_first(struct sim_disk *d)
{
    struct logged *l = d->log;
    d->log = l->next;
    d->log_end = d->log ? d->log_end : &d->log;
    d->flushed++;
    free(l);
}

static void flush_log(struct sim_disk *d, u64 up_to)
{
    while (d->flushed < up_to) {
        put(d->durable, d->log->at, (struct view){d->log->bytes, d->log->n});
        drop_first(d);
    }
}

/* Zeroes, what was there, or anything. */
static void discard(struct sim_disk *d, u64 at, u64 n)
{
    u64 fate = random_below(&sim.random, 3);
    if (fate == 0)
        return;
    struct span bytes = {calloc(1, n), n};
    must(bytes.p);
    for (size_t i = 0; fate == 2 && i < n; i++)
        span_set(bytes, i, (u8)(random_u64(&sim.random) & 0xff));
    write_cached(d, at, view_of(bytes));
    free(bytes.p);
}

static void read_into(struct sim_disk *d, u64 at, struct span into)
{
    copy(into, view_sub(view_of(d->cached), at, into.n));
    if (sim_chance(d->o.rot_ppm)) {
        u64 i = random_below(&sim.random, into.n);
        span_set(into, i, span_at(into, i) ^ (u8)(1 << random_below(&sim.random, 8)));
    }
}

static void serve(struct sim_disk *d, struct request *q)
{
    const struct block_request *r = &q->r;
    q->done = true;
    q->failed = d->off || sim_chance(d->o.fail_ppm) ||
                ((d->dev.features & BLOCK_READ_ONLY) && (r->op == BLOCK_WRITE || r->op == BLOCK_DISCARD));
    if (q->failed)
        return;
    switch (r->op) {
    case BLOCK_READ:
        read_into(d, r->offset, r->into);
        break;
    case BLOCK_WRITE:
        write_cached(d, r->offset, r->from);
        break;
    case BLOCK_FLUSH:
        flush_log(d, q->logged);
        break;
    case BLOCK_DISCARD:
        discard(d, r->offset, r->n);
        break;
    }
}

/* ---- requests ------------------------------------------------------------------------- */

static struct request *next_due(struct sim_disk *d)
{
    struct request *first = NULL;
    for (size_t i = 0; i < COUNT(d->requests); i++) {
        struct request *q = &AT(d->requests, i);
        bool earlier = !first || q->when < first->when || (q->when == first->when && q->order < first->order);
        if (q->used && !q->done && earlier)
            first = q;
    }
    return first;
}

static void advance(struct sim_disk *d)
{
    for (struct request *q; (q = next_due(d)) && q->when <= sim.now;)
        serve(d, q);
}

static u64 bytes_of(const struct block_request *r)
{
    return r->op == BLOCK_READ ? r->into.n : r->op == BLOCK_WRITE ? r->from.n : r->n;
}

static void check(const struct sim_disk *d, const struct block_request *r)
{
    u64 n = bytes_of(r), b = d->dev.block_bytes;
    if (r->op == BLOCK_FLUSH && r->offset == 0 && n == 0)
        return;
    if (r->op == BLOCK_FLUSH || n == 0 || (r->offset | n) % b != 0 || r->offset > d->dev.bytes ||
        n > d->dev.bytes - r->offset || (r->op != BLOCK_DISCARD && n > BLOCK_REQUEST_MAX))
        sim_fail("a request that breaks the rules of sig/block.h");
}

/* One after the other through the disk's rate, then each by its own latency. */
static u64 done_at(struct sim_disk *d, const struct block_request *r)
{
    u64 n = r->op == BLOCK_DISCARD ? 0 : bytes_of(r);
    d->busy_until = MAX(d->busy_until, sim.now) + (d->o.rate_bps ? n * NS_PER_S / d->o.rate_bps : 0);
    return d->busy_until + (r->op == BLOCK_FLUSH ? d->o.flush_ns : d->o.latency_ns) +
           (d->o.jitter_ns ? random_below(&sim.random, d->o.jitter_ns + 1) : 0);
}

static void count(struct sim_disk *d, const struct block_request *r)
{
    u64 *counters[] = {[BLOCK_READ] = &d->counts.reads,
                       [BLOCK_WRITE] = &d->counts.writes,
                       [BLOCK_FLUSH] = &d->counts.flushes,
                       [BLOCK_DISCARD] = &d->counts.discards};
    (*AT(counters, r->op))++;
    d->counts.bytes_written += r->op == BLOCK_WRITE ? r->from.n : 0;
}

static size_t submit(struct block_dev *dev, struct block_requests requests)
{
    struct sim_disk *d = disk_of(dev);
    size_t taken = 0;
    for (size_t i = 0; i < COUNT(d->requests) && taken < requests.n; i++) {
        struct request *q = &AT(d->requests, i);
        if (q->used)
            continue;
        const struct block_request *r = block_requests_at(requests, taken);
        check(d, r);
        count(d, r);
        *q = (struct request){
            .r = *r, .used = true, .when = done_at(d, r), .order = d->order++, .logged = d->logged};
        taken++;
    }
    return taken;
}

static size_t reap(struct block_dev *dev, struct block_dones done)
{
    struct sim_disk *d = disk_of(dev);
    size_t n = 0;
    advance(d);
    for (size_t i = 0; i < COUNT(d->requests) && n < done.n; i++) {
        struct request *q = &AT(d->requests, i);
        if (!q->used || !q->done)
            continue;
        *block_dones_at(done, n) = (struct block_done){q->r.tag, q->failed};
        q->used = false;
        n++;
    }
    return n;
}

/* ---- the world's side ------------------------------------------------------------------- */

struct block_dev *sim_disk(struct sim_disk_options options)
{
    static const struct block_ops ops = {submit, reap};
    struct sim_disk *d = SIM_NEW(struct sim_disk);
    must(sim.disks_n < COUNT(sim.disks));
    *d = (struct sim_disk){
        .dev = {.ops = &ops,
                .bytes = options.bytes ? options.bytes : (u64)1 << 20,
                .block_bytes = options.block_bytes ? options.block_bytes : 512,
                .features = (options.read_only ? BLOCK_READ_ONLY : 0u) |
                            (options.no_discard ? 0u : BLOCK_CAN_DISCARD),
                .index = SIM_DEVICES - 1 - sim.disks_n},
        .o = options,
    };
    must(d->dev.bytes % d->dev.block_bytes == 0);
    d->log_end = &d->log;
    d->cached = (struct span){sim_new(d->dev.bytes), d->dev.bytes};
    d->durable = (struct span){sim_new(d->dev.bytes), d->dev.bytes};
    AT(sim.disks, sim.disks_n) = d;
    sim.disks_n++;
    return &d->dev;
}

void sim_disk_crash(struct block_dev *dev)
{
    struct sim_disk *d = disk_of(dev);
    advance(d);
    for (struct logged *l = d->log; l; l = l->next)
        put_by_chance(d, l->at, (struct view){l->bytes, l->n});
    d->off = true;
    for (struct request *q; (q = next_due(d));) {
        if (q->r.op == BLOCK_WRITE)
            put_by_chance(d, q->r.offset, q->r.from);
        serve(d, q);
    }
}

void sim_disk_restart(struct block_dev *dev)
{
    struct sim_disk *d = disk_of(dev);
    d->off = false;
    while (d->log)
        drop_first(d);
    copy(d->cached, view_of(d->durable));
}

struct span sim_disk_bytes(struct block_dev *dev)
{
    return disk_of(dev)->durable;
}

struct sim_disk_counts sim_disk_counts(struct block_dev *dev)
{
    return disk_of(dev)->counts;
}

void sim_disk_end(struct sim_disk *d)
{
    while (d->log)
        drop_first(d);
}

u64 sim_disks_ready(u64 readable)
{
    u64 bits = 0;
    for (u32 i = 0; i < sim.disks_n; i++) {
        struct sim_disk *d = AT(sim.disks, i);
        advance(d);
        for (size_t k = 0; k < COUNT(d->requests); k++)
            if (AT(d->requests, k).used && AT(d->requests, k).done)
                bits |= (u64)1 << d->dev.index;
    }
    return bits & readable;
}

u64 sim_disks_next(void)
{
    u64 next = FOREVER;
    for (u32 i = 0; i < sim.disks_n; i++) {
        struct request *q = next_due(AT(sim.disks, i));
        next = q ? MIN(next, q->when) : next;
    }
    return next;
}
