/* The whole outside world of an image, in one table. Whoever boots an image maps
 * it, lays out its memory, and calls its ELF entry point in the System V ABI with
 * a pointer to struct host_boot, on a stack of at least 16 KiB. The image owns its
 * memory; the host trusts nothing in it: every function copies its arguments,
 * checks the copies, uses the copies. The image checks what comes back.
 * All integers little-endian, all times in nanoseconds, all pointers the image's. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "base/types.h"

enum { HOST_ABI = 2, HOST_FUNCTIONS = 11 };

#define HOST_MAGIC 0x74736f4868746950ull /* "PithHost" */

struct host_iov {
    const void *p;
    u64 n;
};

/* As struct virtio_net_hdr (Virtual I/O Device 1.2, §5.1.6), 12 bytes. */
struct host_offload {
    u8 flags, gso;
    u16 hdr_len, gso_size, csum_start, csum_offset, buffers;
};

/* A received frame: `n` bytes at `offset` of the device's receive window. */
struct host_rx {
    u32 offset, n;
    struct host_offload offload;
};

/* A frame to transmit: `count` pieces. */
struct host_tx {
    const struct host_iov *parts;
    u32 count;
    struct host_offload offload;
};

enum host_block_op {
    HOST_BLOCK_READ = 0,
    HOST_BLOCK_WRITE = 1,
    HOST_BLOCK_FLUSH = 2,
    HOST_BLOCK_DISCARD = 3
};

/* At most so many requests of a device are under way, each of at most so many bytes. */
enum { HOST_BLOCK_QUEUE = 64, HOST_BLOCK_MAX = 1 << 20 };

/* A request to a block device: `n` bytes from `offset` on, both multiples of the device's
 * blocks and within it; 0, 0 for a flush. The memory at `p`, which a discard and a flush
 * have none of, is the device's until the request is done. As Virtual I/O Device 1.2,
 * §5.2: requests may be done in any order; a flush that is done has made durable what
 * was written by requests that were done before it was submitted; a block that was
 * discarded reads as anything until it is written again. */
struct host_block {
    u64 tag; /* comes back when it is done */
    u64 offset, n;
    void *p;
    u32 op, reserved;
};

struct host_block_done {
    u64 tag;
    u32 failed, reserved;
};

/* The functions, in table order. -1 stands for an argument that makes no sense. */
struct host_table {
    u64 (*clock_mono)(void);
    u64 (*clock_wall)(void);

    /* Receives at most `max` frames into the device's window, one after the other
     * from its start; what it received before is overwritten, by this or by wait.
     * Answers how many. */
    i64 (*net_rx)(u32 device, struct host_rx *frames, u32 max);

    /* Transmits in order and answers how many frames it took; fewer than n: full. */
    i64 (*net_tx)(u32 device, const struct host_tx *frames, u32 n);

    /* Writes to the console; what it cannot take is lost. */
    void (*console)(const void *text, u64 n);

    /* n <= 256 bytes fit for keys. */
    void (*entropy)(void *out, u64 n);

    /* Blocks until `deadline` (monotonic), a device of the set `readable` has
     * frames or requests that are done, one of `writable` has room, or the user asks to stop (bit 63).
     * Answers what is ready; may be 0. */
    u64 (*wait)(u64 readable, u64 writable, u64 deadline);

    /* Makes one 4 KiB page of the image's memory inaccessible for good. */
    i64 (*guard)(void *page);

    /* Ends the image. 0: done; codes above 255 count as 255. */
    void (*exit)(u32 code) __attribute__((noreturn));

    /* Takes requests in order and answers how many; fewer than n: as many as may be are
     * under way. -1: one of them makes no sense, and none was taken. A request that
     * was taken is done some time, whatever becomes of the disk. */
    i64 (*block_submit)(u32 device, const struct host_block *requests, u32 n);

    /* Answers how many requests that are done it wrote to `done`, at most `max`. */
    i64 (*block_reap)(u32 device, struct host_block_done *done, u32 max);
};

struct host_key {
    const char *name, *value;
    u64 name_n, value_n;
};

/* A declared device, by number. */
struct host_device {
    u32 kind;        /* enum device_kind of sig/manifest.h; 0: not there */
    u32 features;    /* enum net_features of sig/net.h, enum block_features of sig/block.h */
    u8 mac[6];
    u16 mtu;
    u32 queue_bytes; /* received bytes that may wait for net_rx before some are lost; 0: plenty */
    void *rx_window;
    u64 rx_window_n;
    u64 disk_bytes;  /* a multiple of block_bytes */
    u32 block_bytes; /* 512 or 4096 */
    u32 reserved;
};

struct host_boot {
    u64 magic;                      /* HOST_MAGIC */
    u32 abi, size;                  /* HOST_ABI, sizeof(struct host_boot) */
    const struct host_table *table;
    void *memory;                   /* zeroed, page-aligned, read and write */
    u64 memory_n;
    const void *bundle;             /* read-only, or NULL */
    u64 bundle_n;
    const struct host_key *keys;
    u64 keys_n;
    const struct host_device *devices;
    u64 devices_n;
    u8 entropy[32];                 /* seeds the stack protector; fresh at every boot */
};

#endif
