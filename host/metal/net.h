/* A virtio-net device (Virtual I/O Device 1.2, §5.1) as the host's table has it. The
 * receive window is the device's buffers themselves, one behind the other, given to it
 * in that order: a frame that it spreads over several (mergeable receive buffers) lies
 * there in one piece. What is transmitted is copied, since the image may change it as
 * soon as net_tx returns; except what can never change, which the device reads in place. */
#ifndef HOST_METAL_NET_H
#define HOST_METAL_NET_H

#include "host/host.h"
#include "host/metal/virtio.h"
#include "sig/net.h"

enum {
    NET_BUFFER = 2048,
    NET_BUFFERS_MAX = VIRTQ_SIZE_MAX,
    NET_FRAME_MAX = 65535 + 14,
    NET_HEADER = 12,          /* struct virtio_net_hdr, as struct host_offload */
    NET_COPIES = 256 << 10,   /* bytes of frames on their way out */
    NET_IN_PLACE_MIN = 1024,  /* smaller pieces are copied in any case */
};

/* A frame's pieces, checked, and what they need. */
struct net_frame {
    u64 bytes;
    struct host_iov parts[NET_PARTS_MAX];
    u64 in_place[NET_PARTS_MAX]; /* physical address; 0: to be copied */
    u32 count, descriptors, copied;
};

struct metal_net {
    struct virtio *v;
    struct host_device about;
    struct virtq rx, tx;

    /* Receiving: buffer i is descriptor i. The window ends with room for one frame, for
     * the part of it that is at the window's start again. */
    u16 buffers, handed[NET_BUFFERS_MAX], handed_n;
    u8 *window;
    u64 window_physical;

    /* Transmitting: descriptors, chains and copies are taken and given back in the same
     * order. sent[i] is a chain's first descriptor. */
    struct net_sent {
        u16 first, count;
        u32 copies_end;
        bool done;
    } sent[VIRTQ_SIZE_MAX];
    u16 sent_from, sent_n, next, descriptors_free;
    u8 *copies;
    u64 copies_physical;
    u32 copies_from, copies_to; /* equal: empty */
    bool full;
    struct net_frame frame; /* too large for a fiber's stack */

    /* Whether the image may name these bytes; and their physical address where they can
     * never change, else 0. The caller sets both. */
    bool (*readable)(const void *p, u64 n);
    u64 (*in_place)(const void *p, u64 n);
};

/* Negotiates and sets up; `window` is n bytes at this physical address, and about.rx_window
 * and its size are the caller's to set. ERR_UNSUPPORTED, ERR_TOO_BIG: window too small. */
enum err metal_net_start(struct metal_net *n, struct virtio *v, struct span window, u64 window_physical,
                         const struct virtq_memory *m);

i64 metal_net_rx(struct metal_net *n, struct host_rx *frames, u32 max);
i64 metal_net_tx(struct metal_net *n, const struct host_tx *frames, u32 count);

bool metal_net_pending(const struct metal_net *n);
bool metal_net_full(struct metal_net *n);

/* Before sleep: an interrupt when there is something to receive, or room to transmit. */
void metal_net_want_interrupt(struct metal_net *n, bool readable, bool writable);

#endif
