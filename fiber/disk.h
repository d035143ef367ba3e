/* A block device for fibers: calls in direct style that end when the device is done. The
 * memory of a request is the device's until then, so these calls wait even when their scope
 * is canceled. Any number of fibers may use a disk at once; who wants an order among
 * requests waits for one before it makes the next.
 *
 *   struct disk disk;
 *   disk_open(&disk, boot_block(0));
 *   TRY(disk_write(&disk, 0, page));
 *   TRY(disk_flush(&disk)); */
#ifndef FIBER_DISK_H
#define FIBER_DISK_H

#include "fiber/loop.h"
#include "sig/block.h"

/* A call that has requests under way. */
struct disk_call {
    struct waiters done;
    u32 left;
    bool failed;
};

struct disk {
    struct loop_source source;
    struct block_dev *dev;
    struct disk_call *calls[BLOCK_QUEUE_MAX]; /* whose request has this tag; NULL: free */
    u32 under_way;
    struct waiters room;
};

/* From now on the disk belongs to the loop; it lives as long as that, or until disk_close,
 * which (blocks) waits for what is under way. `dev` is not NULL. */
void disk_open(struct disk *d, struct block_dev *dev);
void disk_close(struct disk *d);

/* (blocks) Offsets and lengths are multiples of dev->block_bytes. ERR_RANGE: they are not,
 * or lead beyond the end. ERR_UNSUPPORTED: written, and the disk is read-only. ERR_IO: the
 * device failed; what a failed write has left is unknown. */
enum err disk_read(struct disk *d, u64 offset, struct span into);
enum err disk_write(struct disk *d, u64 offset, struct view from);
enum err disk_discard(struct disk *d, u64 offset, u64 n);

/* (blocks) All writes that ended before this call are durable. */
enum err disk_flush(struct disk *d);

#endif
