#include "host/metal/block.h"

#include "base/num.h"
#include "host/request.h"
#include "sig/block.h"
#include "sig/manifest.h"

/* Feature bits (§5.2.3). */
#define F_RO ((u64)1 << 5)
#define F_BLK_SIZE ((u64)1 << 6)
#define F_FLUSH ((u64)1 << 9)
#define F_DISCARD ((u64)1 << 13)

enum { SECTOR = 512, PIECES = 3, STATUS_OK = 0 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_DISCARD = 11 };
enum { CONFIG_CAPACITY = 0, CONFIG_BLK_SIZE = 20, CONFIG_DISCARD_MAX = 36 };
enum { HEAD_N = 16, DISCARD_N = 16 };

_Static_assert(sizeof(struct block_head) == HEAD_N + DISCARD_N, "virtio_blk_req, and a discard's segment");

/* ---- starting ----------------------------------------------------------------------- */

static u32 config_of(struct virtio *v, u32 offset)
{
    return v->ops->config(v, offset, sizeof(u32));
}

static enum err describe(struct metal_block *b)
{
    struct virtio *v = b->v;
    u64 sectors = config_of(v, CONFIG_CAPACITY) | (u64)config_of(v, CONFIG_CAPACITY + 4) << 32;
    u32 size = v->features & F_BLK_SIZE ? config_of(v, CONFIG_BLK_SIZE) : SECTOR;
    if ((size != 512 && size != 4096) || sectors > UINT64_MAX / SECTOR)
        return ERR_UNSUPPORTED;
    b->discard_max = v->features & F_DISCARD ? (u64)config_of(v, CONFIG_DISCARD_MAX) * SECTOR : 0;
    b->discard_max -= b->discard_max % size;
    const u32 read_only = v->features & F_RO ? BLOCK_READ_ONLY : 0;
    b->about = (struct host_device){
        .kind = DEVICE_BLOCK,
        .features = read_only | (b->discard_max > 0 ? BLOCK_CAN_DISCARD : 0u),
        .disk_bytes = sectors * SECTOR - sectors * SECTOR % size,
        .block_bytes = size,
    };
    return OK;
}

enum err metal_block_start(struct metal_block *b, struct virtio *v, const struct virtq_memory *m)
{
    b->v = v;
    TRY(virtio_start(v, F_RO | F_BLK_SIZE | F_FLUSH | F_DISCARD));
    TRY(describe(b));
    TRY(virtq_init(&b->q, v, 0, VIRTQ_SIZE_MAX, m));
    b->slots_n = (u16)MIN(b->q.size / PIECES, HOST_BLOCK_QUEUE);
    if (b->slots_n == 0)
        return ERR_UNSUPPORTED;
    struct span heads = m->new(HOST_BLOCK_QUEUE * sizeof(struct block_head));
    struct span status = m->new(HOST_BLOCK_QUEUE);
    b->heads = (struct block_head *)(void *)heads.p;
    b->status = status.p;
    b->heads_physical = m->physical(heads.p);
    b->status_physical = m->physical(status.p);
    virtio_ready(v);
    return OK;
}

/* ---- submitting ---------------------------------------------------------------------- */

static bool makes_sense(const struct metal_block *b, const struct host_block *r)
{
    return request_makes_sense(&b->about, r) && (r->op == HOST_BLOCK_READ    ? b->writable(r->p, r->n)
                                                 : r->op == HOST_BLOCK_WRITE ? b->readable(r->p, r->n)
                                                                             : true);
}

/* The chain of slot i: the head, `n` bytes at `physical` if n is not 0, the status. */
static void put_chain(struct metal_block *b, u16 i, struct block_head head, u64 physical, u32 n, bool reads)
{
    u16 at = (u16)(PIECES * i), count = 0;
    b->heads[i] = head;
    b->status[i] = UINT8_MAX;
    virtq_set(&b->q, (u16)(at + count++), b->heads_physical + i * sizeof head, HEAD_N, 0);
    if (n > 0)
        virtq_set(&b->q, (u16)(at + count++), physical, n, 0);
    virtq_set(&b->q, (u16)(at + count++), b->status_physical + i, 1, 0);
    virtq_submit(&b->q, at, count, reads ? 1 : (u16)(count - 1));
}

static void put_discard(struct metal_block *b, u16 i)
{
    struct block_slot *s = &AT(b->slots, i);
    u64 n = MIN(s->discard_n, b->discard_max);
    const struct block_head head = {
        .type = TYPE_DISCARD, .discard_sector = s->discard_at / SECTOR, .discard_sectors = (u32)(n / SECTOR)};
    put_chain(b, i, head, b->heads_physical + i * sizeof head + HEAD_N, DISCARD_N, false);
    s->discard_at += n;
    s->discard_n -= n;
}

static u16 free_slot(const struct metal_block *b)
{
    u16 i = 0;
    while (AT(b->slots, i).used)
        i++;
    return i;
}

/* What the device cannot do is done at once: a flush where nothing is held back. */
static bool needs_device(const struct metal_block *b, const struct host_block *r)
{
    return r->op == HOST_BLOCK_FLUSH     ? (b->v->features & F_FLUSH) != 0
           : r->op == HOST_BLOCK_DISCARD ? b->discard_max > 0
                                         : true;
}

static void take_request(struct metal_block *b, const struct host_block *r)
{
    u16 i = free_slot(b);
    struct block_slot *s = &AT(b->slots, i);
    *s = (struct block_slot){.tag = r->tag, .used = true};
    b->under_way++;
    if (!needs_device(b, r)) {
        b->status[i] = STATUS_OK;
        b->idle_done |= (u64)1 << i;
        return;
    }
    if (r->op == HOST_BLOCK_DISCARD) {
        s->discard_at = r->offset;
        s->discard_n = r->n;
        put_discard(b, i);
        return;
    }
    const bool reads = r->op == HOST_BLOCK_READ, flushes = r->op == HOST_BLOCK_FLUSH;
    const struct block_head head = {.type = flushes ? TYPE_FLUSH
                                            : reads ? TYPE_IN
                                                    : TYPE_OUT,
                                    .sector = flushes ? 0 : r->offset / SECTOR};
    put_chain(b, i, head, flushes ? 0 : b->physical(r->p), flushes ? 0 : (u32)r->n, reads);
}

i64 metal_block_submit(struct metal_block *b, const struct host_block *requests, u32 n)
{
    n = MIN(n, (u32)(b->slots_n - b->under_way));
    if (!b->readable(requests, n * sizeof *requests))
        return -1;
    memcpy(b->taken, requests, n * sizeof *requests);
    for (u32 i = 0; i < n; i++)
        if (!makes_sense(b, &AT(b->taken, i)))
            return -1;
    for (u32 i = 0; i < n; i++)
        take_request(b, &AT(b->taken, i));
    virtq_tell(&b->q);
    return n;
}

/* ---- reaping ------------------------------------------------------------------------- */

/* The next slot that is done with everything; false: none. */
static bool take_done(struct metal_block *b, u16 *slot)
{
    u16 first;
    u32 written;
    if (b->idle_done) {
        *slot = (u16)__builtin_ctzll(b->idle_done);
        b->idle_done &= b->idle_done - 1;
        return true;
    }
    while (virtq_take(&b->q, &first, &written)) {
        *slot = (u16)(first / PIECES); /* only chains that the driver made come back */
        struct block_slot *s = &AT(b->slots, *slot);
        if (s->discard_n == 0 || b->status[*slot] != STATUS_OK)
            return true;
        put_discard(b, *slot);
        virtq_tell(&b->q);
    }
    return false;
}

i64 metal_block_reap(struct metal_block *b, struct host_block_done *done, u32 max)
{
    u32 n = 0;
    u16 slot;
    if (!b->writable(done, max * sizeof *done))
        return -1;
    for (; n < max && take_done(b, &slot); n++) {
        struct block_slot *s = &AT(b->slots, slot);
        done[n] = (struct host_block_done){.tag = s->tag, .failed = b->status[slot] != STATUS_OK};
        s->used = false;
        b->under_way--;
    }
    return n;
}

bool metal_block_pending(const struct metal_block *b)
{
    return b->idle_done != 0 || virtq_has(&b->q);
}

bool metal_block_full(const struct metal_block *b)
{
    return b->under_way == b->slots_n;
}

void metal_block_want_interrupt(struct metal_block *b)
{
    virtq_want_interrupt(&b->q);
}
