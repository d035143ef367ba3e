/* A network device that carries Ethernet frames, in bursts, with offload words
 * of virtio-net meaning (Virtual I/O Device 1.2, §5.1.6). The device owns the
 * memory of what it received; the stack owns what it transmits. Nothing blocks. */
#ifndef SIG_NET_H
#define SIG_NET_H

#include "base/view.h"

enum net_features {
    NET_CSUM = 1 << 0,      /* transmit: completes checksums (NET_NEEDS_CSUM) */
    NET_RX_CSUM = 1 << 1,   /* receive: may hand up frames marked NET_NEEDS_CSUM */
    NET_TSO4 = 1 << 2,      /* transmit and receive: TCP/IPv4 super-frames */
    NET_TSO6 = 1 << 3,
    NET_USO = 1 << 4,       /* transmit: UDP super-frames */
};

enum net_flags {
    NET_NEEDS_CSUM = 1, /* checksum from csum_start, to be put at csum_start + csum_offset */
    NET_DATA_VALID = 2, /* received, and its checksum has been verified */
};

enum net_gso { NET_GSO_NONE = 0, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4, NET_GSO_UDP = 5 };

struct net_offload {
    u8 flags;        /* enum net_flags */
    u8 gso;          /* enum net_gso */
    u16 hdr_len;     /* Ethernet to the end of the transport header, with gso */
    u16 gso_size;    /* payload bytes of each segment, with gso */
    u16 csum_start;  /* from the start of the frame */
    u16 csum_offset; /* from csum_start */
};

/* A received frame, Ethernet header first. Valid until the next rx call or idle_until. */
struct net_rx {
    struct view frame;
    struct net_offload offload;
};

SLICE(net_rx_burst, struct net_rx);
SLICE(net_parts, struct view);

/* A frame to transmit, in pieces that follow each other. Needed until tx returns. */
struct net_tx {
    struct net_parts parts;
    struct net_offload offload;
};

SLICE(net_tx_burst, struct net_tx);

struct net_dev {
    const struct net_ops *ops;
    u8 mac[6];
    u16 mtu;      /* IP bytes a frame, 576 to 9000 */
    u32 queue_bytes; /* received bytes that may wait for rx before some are lost; 0: plenty */
    u32 features; /* enum net_features */
    u32 index;    /* its bit in idle_until's sets */
};

struct net_ops {
    /* Receives at most burst.n frames; answers how many. Frames handed out
     * before are no longer valid; nor are they once idle_until was called. */
    size_t (*rx)(struct net_dev *dev, struct net_rx_burst burst);
    /* Transmits in order; answers how many it took. When it took fewer, the rest
     * is the caller's to drop, and the device is full until idle_until reports it
     * writable. Parts a frame: at most NET_PARTS_MAX. Bytes a frame: at most 65,549. */
    size_t (*tx)(struct net_dev *dev, struct net_tx_burst burst);
};

enum { NET_PARTS_MAX = 64, NET_BURST_MAX = 64 };

static inline size_t net_rx(struct net_dev *dev, struct net_rx_burst burst)
{
    return dev->ops->rx(dev, burst);
}

static inline size_t net_tx(struct net_dev *dev, struct net_tx_burst burst)
{
    return dev->ops->tx(dev, burst);
}

#endif
