/* Network devices of the process host. Opened by the command before the sandbox
 * closes (any file, fork, exec); used inside it with read, write, writev and ppoll
 * only, and the clock for captures. Frames and offload words as in host/host.h.
 * One device costs one allocation, made when it is opened. */
#ifndef HOST_PROCESS_NET_H
#define HOST_PROCESS_NET_H

#include <poll.h>

#include "host/host.h"

struct process_net {
    const struct process_net_ops *ops;
    int fd;               /* what poll waits on; moved to a fixed number before the sandbox
                             closes; -1 once the other side is gone (said on standard error) */
    struct host_device about; /* mac, mtu, features; rx_window (64-byte aligned) set by the loader */
    int pcap_fd;          /* -1: no capture; may be moved like fd */
    bool blocked;         /* the last tx did not take all */
    bool may_end;         /* its other side ends when it likes: no word about it */
    const struct process_net_ops *captured; /* what pcap.c stands before */
    /* the back end's own state follows in its larger struct */
};

struct process_net_ops {
    i64 (*rx)(struct process_net *n, struct host_rx *frames, u32 max);
    i64 (*tx)(struct process_net *n, const struct host_tx *frames, u32 count);
    bool (*pending)(struct process_net *n);  /* has received bytes in hand: do not sleep */
    bool (*full)(struct process_net *n);     /* last tx did not take all; flushes what it can first */
    void (*close)(struct process_net *n);    /* before the sandbox: gives everything back */
};

/* A published port: host to guest. */
struct process_port {
    const char *host_ip; /* NULL: 127.0.0.1 */
    u16 host, guest;
    bool udp;
};

/* Opens `spec`: "user", "tap:NAME", "fd:N". `pcap` NULL or a file to capture to.
 * On failure NULL, and one line for the user in `error` (what to do next included). */
struct process_net *process_net_open(const char *spec, const struct process_port *ports, size_t ports_n,
                                     const char *pcap, char *error, size_t error_n);

/* Undoes it where the start failed later on (ends passt, removes nothing else). */
void process_net_close(struct process_net *n);

/* The file descriptors that it uses besides fd (the capture), to be kept open. -1 ends. */
void process_net_fds(const struct process_net *n, int fds[4]);

#endif
