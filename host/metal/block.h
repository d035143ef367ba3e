/* A virtio-blk device (Virtual I/O Device 1.2, §5.2) as the host's table has it. A request
 * of the image's is one of the device's: the image's memory is one piece of physical
 * memory, so a buffer is one descriptor, between a head and a status of the driver's. A
 * discard of more than the device takes at once goes in several, one after the other. */
#ifndef HOST_METAL_BLOCK_H
#define HOST_METAL_BLOCK_H

#include "host/host.h"
#include "host/metal/virtio.h"

/* What lies where the device sees it. */
struct block_head {
    u32 type, reserved;
    u64 sector;
    u64 discard_sector; /* struct virtio_blk_discard_write_zeroes, 16 bytes */
    u32 discard_sectors, discard_flags;
};

struct block_slot {
    u64 tag;
    u64 discard_at, discard_n; /* bytes that are still to be discarded */
    bool used;
};

struct metal_block {
    struct virtio *v;
    struct host_device about;
    struct virtq q;
    u16 slots_n, under_way;
    u64 discard_max; /* bytes at once */
    u64 idle_done;   /* slots whose request had nothing to do; a bit each */
    struct host_block taken[HOST_BLOCK_QUEUE]; /* while they are looked at: large for a fiber's stack */
    struct block_slot slots[HOST_BLOCK_QUEUE]; /* descriptors 3 * i to 3 * i + 2 are slot i's */
    struct block_head *heads;
    volatile u8 *status;
    u64 heads_physical, status_physical;

    /* Whether the image may have the device read these bytes, or write them; and their
     * physical address, one piece. The caller sets all three. */
    bool (*readable)(const void *p, u64 n);
    bool (*writable)(const void *p, u64 n);
    u64 (*physical)(const void *p);
};

/* Negotiates and sets up. ERR_UNSUPPORTED: too old, or blocks of a size that is none. */
enum err metal_block_start(struct metal_block *b, struct virtio *v, const struct virtq_memory *m);

i64 metal_block_submit(struct metal_block *b, const struct host_block *requests, u32 n);
i64 metal_block_reap(struct metal_block *b, struct host_block_done *done, u32 max);

bool metal_block_pending(const struct metal_block *b);
bool metal_block_full(const struct metal_block *b);

/* Before sleep: an interrupt when something is done. */
void metal_block_want_interrupt(struct metal_block *b);

#endif
