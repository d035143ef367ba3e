/* What the shim (shim.c, in ring 3 beside the image) and the monitor (serve.c) share:
 * some pages that both can write. The shim does what needs no monitor (clocks, frames
 * in hand), leaves the rest here and rings: one store to the bell's page, which stops
 * the guest until the monitor has answered. Every ring costs a change of worlds, 2 us
 * on hardware and 30 where the hypervisor is itself a guest, so a turn of an image's
 * loop is made to need one: received frames are fetched before they are asked for,
 * and small ones to transmit are copied and wait for the next ring.
 *
 *   code | bell | struct shim_share | a struct shim_net for each device
 *
 * The guest stands still while the monitor reads here. It is not trusted: the shim
 * is the image's to jump over, so every number is checked before it is used. */
#ifndef HOST_KVM_SHIM_H
#define HOST_KVM_SHIM_H

#include "host/host.h"

enum {
    SHIM_CODE_BYTES = 4096,
    SHIM_BELL_AT = SHIM_CODE_BYTES,
    SHIM_SHARE_AT = SHIM_BELL_AT + 4096,
    SHIM_TEXT_MAX = 2816,      /* of the console in one ring */
    SHIM_ENTROPY_MAX = 256,    /* in hand */
    SHIM_RX_MAX = 64,          /* frames in hand */
    SHIM_TX_MAX = 128,         /* frames that wait */
    SHIM_PARTS_MAX = 512,      /* … and their pieces */
    SHIM_COPY_MAX = 4096,      /* longer frames are not copied but sent at once */
    SHIM_COPIES_BYTES = 128 * 1024,
};

/* What is stored to the bell. Arguments and result: struct shim_share. */
enum shim_call {
    SHIM_CLOCK,   /* sets the clock */
    SHIM_LOOK,    /* a: device. Sends what waits, receives what is there */
    SHIM_SEND,    /* sends what waits */
    SHIM_CONSOLE, /* a: bytes of text */
    SHIM_ENTROPY, /* fills the entropy in hand */
    SHIM_WAIT,    /* as host.h; receives for the devices that are ready */
    SHIM_GUARD,   /* a: address of a page */
    SHIM_EXIT,    /* a: code */
    SHIM_SUBMIT,  /* a: device, b: struct host_block *, c: how many. As block_submit */
    SHIM_REAP,    /* a: device, b: struct host_block_done *, c: at most. As block_reap */
};

/* The time is mono + (tsc - at) * mult / 2^32. Without mult each look at it rings. */
struct shim_clock {
    u64 at, mono, wall;
    u64 mult;
};

/* A frame to transmit: pieces from `first` on. */
struct shim_tx {
    u32 first, count;
    struct host_offload offload;
};

/* Per device. The monitor writes rx and moves tx_sent; 0, 0: nothing waits. */
struct shim_net {
    u32 rx_n, rx_at;        /* received, handed out */
    u32 tx_n, tx_sent;      /* queued, sent of them */
    u32 parts_n, copies_n;  /* used of parts and copies */
    u32 looked;             /* the last ring found nothing, which net_rx may say once */
    struct host_rx rx[SHIM_RX_MAX];
    struct shim_tx tx[SHIM_TX_MAX];
    struct host_iov parts[SHIM_PARTS_MAX];
    u8 copies[SHIM_COPIES_BYTES];
} __attribute__((aligned(4096)));

struct shim_share {
    struct shim_clock clock;
    u64 a, b, c;            /* arguments of a call */
    i64 result;
    u64 mono;               /* the last time that was told */
    u32 devices_n;
    u32 entropy_n; /* unused, at the front; what was handed out is erased */
    u8 entropy[SHIM_ENTROPY_MAX];
    u8 text[SHIM_TEXT_MAX];
    struct shim_net nets[] __attribute__((aligned(4096)));
} __attribute__((aligned(4096)));

#endif
