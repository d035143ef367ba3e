/* Frames over a stream socket, each behind its length in 4 bytes, big-endian: what
 * QEMU and passt speak. Received bytes go straight into the window; of a frame that
 * the socket takes in part, the rest waits here. */
#ifndef HOST_PROCESS_NET_STREAM_H
#define HOST_PROCESS_NET_STREAM_H

#include "host/process/net_back.h"

enum { LENGTH_BYTES = 4, BURST_FRAMES = 64, BURST_IOVECS = 256, STREAM_HEAD_BYTES = 88 };

/* A burst as one writev sees it. */
struct stream_burst {
    u32 frames, iovecs;
    u32 lengths[BURST_FRAMES];   /* big-endian, as sent */
    size_t bytes[BURST_FRAMES];  /* with the length; 0: it may not pass, and is lost */
    u8 heads[BURST_FRAMES][STREAM_HEAD_BYTES]; /* as they were looked at, if they are */
    u32 first[BURST_FRAMES + 1]; /* of the frame's iovecs: its length */
    struct iovec iov[BURST_IOVECS];
};

struct stream_net {
    struct process_net net;
    u64 from, to;            /* of the window: received, not yet handed out */
    /* NULL, or whether a frame with this head may be sent. What it has seen is what is sent:
     * the image's memory may change meanwhile, when a disk reads into it. */
    bool (*passes)(struct stream_net *s, const u8 *head, size_t n);
    u8 rx_flags;             /* of every received frame: NET_DATA_VALID where the peer is trusted */
    u32 rest_from, rest_to;  /* of rest[]: the part of a frame that was not sent yet */
    u8 rest[LENGTH_BYTES + FRAME_MAX];
    struct stream_burst burst; /* here because the image's stacks are small */
};

void stream_init(struct stream_net *s, int fd);
i64 stream_rx(struct process_net *n, struct host_rx *frames, u32 max);
i64 stream_tx(struct process_net *n, const struct host_tx *frames, u32 count);
bool stream_pending(struct process_net *n);
bool stream_full(struct process_net *n);

#endif
