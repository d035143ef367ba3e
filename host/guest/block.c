/* Block devices: sig/block.h on the host's table. Linked where an image asks for one. */
#include "base/num.h"
#include "host/guest/guest.h"
#include "sig/manifest.h"

_Static_assert((int)HOST_BLOCK_READ == (int)BLOCK_READ && (int)HOST_BLOCK_WRITE == (int)BLOCK_WRITE &&
                   (int)HOST_BLOCK_FLUSH == (int)BLOCK_FLUSH &&
                   (int)HOST_BLOCK_DISCARD == (int)BLOCK_DISCARD &&
                   (int)HOST_BLOCK_MAX == (int)BLOCK_REQUEST_MAX,
               "the host's words are the signature's");

enum { BATCH = 16 };

static bool is_within(const struct block_dev *dev, u64 offset, u64 n)
{
    return offset % dev->block_bytes == 0 && n % dev->block_bytes == 0 && n > 0 && offset <= dev->bytes &&
           n <= dev->bytes - offset;
}

/* As the host wants it. */
static struct host_block words_of(const struct block_dev *dev, const struct block_request *r)
{
    struct host_block h = {.tag = r->tag, .offset = r->offset, .op = r->op};
    switch (r->op) {
    case BLOCK_READ:
        h.p = r->into.p;
        h.n = r->into.n;
        break;
    case BLOCK_WRITE:
        h.p = (void *)(uintptr_t)r->from.p;
        h.n = r->from.n;
        break;
    case BLOCK_FLUSH:
        must(r->offset == 0);
        return h;
    case BLOCK_DISCARD:
        h.n = r->n;
        must(is_within(dev, h.offset, h.n));
        return h;
    }
    must(is_within(dev, h.offset, h.n) && h.n <= BLOCK_REQUEST_MAX);
    return h;
}

static size_t submit(struct block_dev *dev, struct block_requests requests)
{
    struct host_block batch[BATCH];
    size_t sent = 0;
    while (sent < requests.n) {
        size_t n = MIN(requests.n - sent, (size_t)BATCH);
        for (size_t i = 0; i < n; i++)
            AT(batch, i) = words_of(dev, block_requests_at(requests, sent + i));
        i64 answer = host_block_submit(dev->index, batch, (u32)n);
        must(answer >= 0);
        size_t taken = MIN((size_t)answer, n);
        sent += taken;
        if (taken < n)
            break;
    }
    return sent;
}

static size_t reap(struct block_dev *dev, struct block_dones done)
{
    struct host_block_done batch[BATCH];
    size_t max = MIN(done.n, (size_t)BATCH);
    i64 answer = host_block_reap(dev->index, batch, (u32)max);
    size_t n = answer < 0 ? 0 : MIN((size_t)answer, max);
    for (size_t i = 0; i < n; i++)
        *block_dones_at(done, i) = (struct block_done){AT(batch, i).tag, AT(batch, i).failed != 0};
    return n;
}

struct block_dev *boot_block(u32 number)
{
    static struct block_dev blocks[GUEST_DEVICES_MAX];
    static const struct block_ops ops = {submit, reap};
    if (number >= guest_boot->devices_n || number >= COUNT(blocks))
        return NULL;
    const struct host_device *d = &guest_boot->devices[number];
    struct block_dev *dev = &AT(blocks, number);
    if (d->kind != DEVICE_BLOCK || (d->block_bytes != 512 && d->block_bytes != 4096))
        return NULL;
    *dev = (struct block_dev){
        .ops = &ops,
        .bytes = d->disk_bytes - d->disk_bytes % d->block_bytes,
        .block_bytes = d->block_bytes,
        .features = d->features & (BLOCK_READ_ONLY | BLOCK_CAN_DISCARD),
        .index = number,
    };
    return dev;
}
