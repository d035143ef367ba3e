/* What the back ends of host/process/net.h share: each file net_NAME.c opens one
 * kind of device and calls back here for its error line, for the pieces of a frame
 * and for the end of the other side. Only net.c and its back ends include this. */
#ifndef HOST_PROCESS_NET_BACK_H
#define HOST_PROCESS_NET_BACK_H

#include <sys/uio.h>

#include "host/process/call.h"
#include "host/process/net.h"
#include "sig/net.h"

enum {
    FRAME_MAX = 65535 + 14,        /* the longest frame: an IP packet and its Ethernet header */
    FRAME_ALIGN = 64,              /* received frames start on cache lines where that is free */
};

/* Where a back end says why it could not be opened. */
struct refusal {
    char *text;
    size_t n;
};

/* Writes the line; answers NULL, so that `return refuse(…)` ends an open. */
void *refuse(const struct refusal *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The back ends. The device or NULL; on NULL a descriptor given stays the caller's. */
struct process_net *net_tap_open(const char *name, const struct refusal *r);
struct process_net *net_tap_adopt(int fd, const struct refusal *r);
struct process_net *net_message_adopt(int fd, const struct refusal *r);
struct process_net *net_stream_adopt(int fd, const struct refusal *r);
struct process_net *net_user_open(const struct process_port *ports, size_t n, const struct refusal *r);

/* Puts a capture to `file` before an open device. */
bool net_capture(struct process_net *n, const char *file, const struct refusal *r);

/* Copies a frame's pieces to `iov`, which has room for NET_PARTS_MAX, and checks the
 * copy. Answers the frame's bytes, 0 for a frame that makes no sense. */
size_t net_gather(const struct host_tx *frame, struct iovec *iov, u32 *parts);

/* After a write that failed with `error` (-EAGAIN …): true where the frame is simply
 * lost. False: the device is full (blocked is set), or gone. */
bool net_lost(struct process_net *n, i64 error);

/* The other side is gone for good: says so and stops polling. */
void net_gone(struct process_net *n, const char *why);

/* For `full`, after a tx that was blocked: whether there still is no room. */
bool net_still_blocked(struct process_net *n);

/* A locally administered address that nobody else has. */
void net_random_mac(u8 mac[6]);

bool net_never_pending(struct process_net *n);
void net_close_fd(struct process_net *n);

#endif
