#include "fiber/disk.h"

#include "base/num.h"

static bool take(struct loop_source *s, u64 now)
{
    struct disk *d = CONTAINER(s, struct disk, source);
    struct block_done done[8];
    if (d->under_way == 0)
        return false;
    (void)now;
    size_t n = block_reap(d->dev, (struct block_dones){done, COUNT(done)});
    for (size_t i = 0; i < n; i++) {
        const struct block_done *b = &AT(done, i);
        struct disk_call **slot =
            &AT(d->calls, to_u32(b->tag)); /* a wrong tag is the host's fault, and traps */
        must(*slot);
        struct disk_call *call = *slot;
        *slot = NULL;
        d->under_way--;
        call->left--;
        call->failed |= b->failed;
        if (call->left == 0)
            waiters_wake_all(&call->done);
    }
    if (n > 0)
        waiters_wake_all(&d->room);
    return n == COUNT(done);
}

static void settle(struct loop_source *s)
{
    (void)s;
}

static bool send(struct loop_source *s, u64 now)
{
    (void)s;
    (void)now;
    return false;
}

void disk_open(struct disk *d, struct block_dev *dev)
{
    *d = (struct disk){.source = {.bit = (u64)1 << dev->index, .take = take, .settle = settle, .send = send},
                       .dev = dev};
    loop_add(&d->source);
}

void disk_close(struct disk *d)
{
    while (d->under_way > 0)
        waiters_wait_shielded(&d->room);
    loop_remove(&d->source);
}

static u64 free_slot(const struct disk *d)
{
    for (u64 i = 0; i < COUNT(d->calls); i++)
        if (!AT(d->calls, i))
            return i;
    return COUNT(d->calls);
}

/* Waits for room if there is none. */
static void submit(struct disk *d, struct disk_call *call, struct block_request r)
{
    r.tag = free_slot(d);
    while (r.tag == COUNT(d->calls) || block_submit(d->dev, (struct block_requests){&r, 1}) == 0) {
        waiters_wait_shielded(&d->room);
        r.tag = free_slot(d);
    }
    AT(d->calls, r.tag) = call;
    d->under_way++;
    call->left++;
}

static enum err finish(struct disk_call *call)
{
    while (call->left > 0)
        waiters_wait_shielded(&call->done);
    return call->failed ? ERR_IO : OK;
}

static enum err check(const struct disk *d, u64 offset, u64 n, bool changes)
{
    u64 b = d->dev->block_bytes;
    if (offset % b != 0 || n % b != 0 || offset > d->dev->bytes || n > d->dev->bytes - offset)
        return ERR_RANGE;
    return changes && (d->dev->features & BLOCK_READ_ONLY) ? ERR_UNSUPPORTED : OK;
}

enum err disk_read(struct disk *d, u64 offset, struct span into)
{
    struct disk_call call = {0};
    TRY(check(d, offset, into.n, false));
    while (into.n > 0) {
        size_t n = MIN(into.n, (size_t)BLOCK_REQUEST_MAX);
        submit(d, &call,
               (struct block_request){.op = BLOCK_READ, .offset = offset, .into = span_first(into, n)});
        into = span_from(into, n);
        offset += n;
    }
    return finish(&call);
}

enum err disk_write(struct disk *d, u64 offset, struct view from)
{
    struct disk_call call = {0};
    TRY(check(d, offset, from.n, true));
    while (from.n > 0) {
        size_t n = MIN(from.n, (size_t)BLOCK_REQUEST_MAX);
        submit(d, &call,
               (struct block_request){.op = BLOCK_WRITE, .offset = offset, .from = view_first(from, n)});
        from = view_from(from, n);
        offset += n;
    }
    return finish(&call);
}

enum err disk_discard(struct disk *d, u64 offset, u64 n)
{
    struct disk_call call = {0};
    TRY(check(d, offset, n, true));
    if (n > 0 && (d->dev->features & BLOCK_CAN_DISCARD))
        submit(d, &call, (struct block_request){.op = BLOCK_DISCARD, .offset = offset, .n = n});
    return finish(&call);
}

enum err disk_flush(struct disk *d)
{
    struct disk_call call = {0};
    submit(d, &call, (struct block_request){.op = BLOCK_FLUSH});
    return finish(&call);
}
