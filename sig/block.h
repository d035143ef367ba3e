/* A block device: whole blocks, read into memory and written from it, in batches that are
 * submitted and reaped. No cache, no order among requests but what flushes make. As
 * Virtual I/O Device 1.2, §5.2. Nothing blocks. Fibers use fiber/disk.h. */
#ifndef SIG_BLOCK_H
#define SIG_BLOCK_H

#include "base/view.h"

enum block_features {
    BLOCK_READ_ONLY = 1 << 0,   /* writes and discards fail */
    BLOCK_CAN_DISCARD = 1 << 1, /* discards give space back; without it they do nothing */
};

enum block_op {
    BLOCK_READ = 0,
    BLOCK_WRITE = 1,
    BLOCK_FLUSH = 2,   /* what was written by requests done before this was submitted is durable */
    BLOCK_DISCARD = 3, /* reads as anything from now on */
};

/* Offset and length are multiples of the device's blocks, within the device, and at most
 * BLOCK_REQUEST_MAX bytes but for a discard. The memory is the device's until the request
 * is done. */
struct block_request {
    u64 tag;          /* the caller's; comes back in block_done */
    enum block_op op;
    u64 offset;       /* bytes; 0 for a flush */
    struct span into; /* BLOCK_READ */
    struct view from; /* BLOCK_WRITE */
    u64 n;            /* BLOCK_DISCARD: bytes */
};

struct block_done {
    u64 tag;
    bool failed; /* the device could not; what a failed write has left is unknown */
};

SLICE(block_requests, struct block_request);
SLICE(block_dones, struct block_done);

enum { BLOCK_QUEUE_MAX = 64, BLOCK_REQUEST_MAX = 1 << 20 };

struct block_dev {
    const struct block_ops *ops;
    u64 bytes;       /* a multiple of block_bytes */
    u32 block_bytes; /* 512 or 4096 */
    u32 features;    /* enum block_features */
    u32 index;       /* its bit in idle_until's sets: readable when something is done */
};

struct block_ops {
    /* Takes requests in order; answers how many. Fewer: BLOCK_QUEUE_MAX are under way, and
     * there is room when one of them is reaped. A request that breaks the rules traps. */
    size_t (*submit)(struct block_dev *dev, struct block_requests requests);
    /* Answers how many requests that are done it wrote to `done`, in any order. Each that
     * was taken is done some time. */
    size_t (*reap)(struct block_dev *dev, struct block_dones done);
};

static inline size_t block_submit(struct block_dev *dev, struct block_requests requests)
{
    return dev->ops->submit(dev, requests);
}

static inline size_t block_reap(struct block_dev *dev, struct block_dones done)
{
    return dev->ops->reap(dev, done);
}

#endif
