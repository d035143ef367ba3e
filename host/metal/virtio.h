/* Virtio devices (Virtual I/O Device 1.2) with split virtqueues, by polling. A device
 * is not trusted: of what it writes, indices and lengths are copied once and checked,
 * and of what we write nothing is read back. Descriptors stay in the driver's hands: it
 * fills them, submits chains, and gets back only chains that the device had. */
#ifndef HOST_METAL_VIRTIO_H
#define HOST_METAL_VIRTIO_H

#include "base/view.h"

enum virtio_kind { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RNG = 4 };

enum {
    VIRTIO_QUEUES_MAX = 4,
    VIRTQ_SIZE_MAX = 256,
    VIRTQ_WRITES = 2 /* flag: the device writes this piece */
};

/* Feature bits that concern the transport (§6). */
#define VIRTIO_EVENT_INDEX ((u64)1 << 29)
#define VIRTIO_VERSION_1 ((u64)1 << 32)
#define VIRTIO_ACCESS_PLATFORM ((u64)1 << 33) /* its addresses are the platform's: here, physical */

struct virtio;

/* A transport: virtio-mmio or virtio-pci. */
struct virtio_ops {
    u64 (*features)(struct virtio *v);
    void (*accept)(struct virtio *v, u64 features);
    u8 (*status)(struct virtio *v);
    void (*set_status)(struct virtio *v, u8 status);

    /* The most entries that queue `index` can have; then sets it up and turns it on. */
    u16 (*queue_max)(struct virtio *v, u16 index);
    void (*queue_on)(struct virtio *v, u16 index, u16 size, u64 descriptors, u64 available, u64 used);
    void (*notify)(struct virtio *v, u16 index);
    /* A field of 1, 2 or 4 bytes of the device's own registers, or half of one of 8. */
    u32 (*config)(struct virtio *v, u32 offset, u32 bytes);
    void (*acknowledge)(struct virtio *v); /* an interrupt, so that there can be another */
};

/* For transports: a register in one access, as wide as it is (§4.1.3.1, §4.2.2.2). */
u32 virtio_load(const u8 *p, u32 bytes);

struct virtio {
    const struct virtio_ops *ops;
    u32 kind;     /* enum virtio_kind; others are left alone */
    u64 features; /* agreed on */
    u8 *registers;
    struct virtio_pci {  /* of virtio-pci only: where else its registers are */
        struct span notify, own;
        u32 notify_step;
        u64 notify_at[VIRTIO_QUEUES_MAX];
    } pci;
};

/* At these registers; false: no device there. */
bool virtio_mmio_init(struct virtio *v, u8 *registers);

/* At a PCI device's, once they are found (pci.c). */
void virtio_pci_init(struct virtio *v, u32 kind, u8 *common, const struct virtio_pci *rest);

/* Resets the device, and agrees on those of its features that are wanted. ERR_UNSUPPORTED:
 * it is older than version 1, or refuses. */
enum err virtio_start(struct virtio *v, u64 wanted);

/* The queues are set up: the device may begin. */
void virtio_ready(struct virtio *v);

/* The layout is the device's (§2.7). */
struct virtq_descriptor {
    u64 at;
    u32 n;
    u16 flags, next;
};

struct virtq_used {
    u32 id, n;
};

struct virtq {
    struct virtio *v;
    u16 index, size;
    struct virtq_descriptor *descriptors;
    volatile u16 *available, *used; /* both begin with flags, index */
    volatile u16 *used_event, *available_event;
    u16 submitted, taken;   /* free-running, as the device's indices */
    u16 told;               /* of submitted, at the last notification */
    u16 chains[VIRTQ_SIZE_MAX]; /* by first descriptor: how many the device has; 0: none */
};

/* Memory for a queue of at most `size` entries; physical(p) is what a device calls it. */
struct virtq_memory {
    struct span (*new)(u64 n);
    u64 (*physical)(const void *p);
};

/* ERR_UNSUPPORTED: the device has no such queue. */
enum err virtq_init(struct virtq *q, struct virtio *v, u16 index, u16 size, const struct virtq_memory *m);

/* The descriptor `at` (below size); `count` of them from `at` on are one chain, wrapping
 * at the end of the table. The device reads the first `reads` of them, and writes the rest. */
void virtq_set(struct virtq *q, u16 at, u64 physical, u32 n, u16 flags);
void virtq_submit(struct virtq *q, u16 first, u16 count, u16 reads);

/* Notifies the device of what was submitted, if it wants to be. */
void virtq_tell(struct virtq *q);

/* The next chain that the device is done with: its first descriptor, and the bytes it
 * wrote. What makes no sense is skipped. False: none. */
bool virtq_take(struct virtq *q, u16 *first, u32 *n);
bool virtq_has(const struct virtq *q);

/* From now on the device interrupts when it is done with something more, or does not. */
void virtq_want_interrupt(struct virtq *q);

#endif
