/* An inherited socket that keeps messages apart (SOCK_DGRAM, SOCK_SEQPACKET): one
 * frame a message, no offloads. For tests and for switches in user space. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "host/process/net_back.h"

struct message_net {
    struct process_net net;
    bool ends; /* SOCK_SEQPACKET: an empty message is the end */
};

static i64 message_rx(struct process_net *n, struct host_rx *frames, u32 max)
{
    u8 *window = n->about.rx_window;
    u64 at = 0;
    u32 count = 0;
    while (n->fd >= 0 && count < max && at + FRAME_MAX <= n->about.rx_window_n) {
        i64 got = call_read(n->fd, window + at, FRAME_MAX);
        if (got < 0) {
            if (got == -ECONNRESET)
                net_gone(n, "the other side closed it");
            break;
        }
        if (got == 0) {
            if (CONTAINER(n, struct message_net, net)->ends)
                net_gone(n, "the other side closed it");
            break;
        }
        frames[count++] = (struct host_rx){.offset = (u32)at, .n = (u32)got};
        at = align_up(at + (u64)got, FRAME_ALIGN);
    }
    return count;
}

static i64 message_tx(struct process_net *n, const struct host_tx *frames, u32 count)
{
    struct iovec iov[NET_PARTS_MAX];
    n->blocked = false;
    if (n->fd < 0)
        return count;
    for (u32 i = 0; i < count; i++) {
        u32 parts;
        if (net_gather(&frames[i], iov, &parts) == 0)
            return -1;
        i64 put = call_writev(n->fd, iov, parts);
        if (put < 0 && !net_lost(n, put))
            return n->fd < 0 ? count : i;
    }
    return count;
}

static const struct process_net_ops message_ops = {
    .rx = message_rx,
    .tx = message_tx,
    .pending = net_never_pending,
    .full = net_still_blocked,
    .close = net_close_fd,
};

struct process_net *net_message_adopt(int fd, const struct refusal *r)
{
    int type = 0;
    socklen_t type_n = sizeof type;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n) != 0)
        return refuse(r, "--net fd:%d: %s", fd, strerror(errno));
    struct message_net *m = calloc(1, sizeof *m);
    if (!m)
        return refuse(r, "no memory for a network device");
    signal(SIGPIPE, SIG_IGN); /* a closed peer is EPIPE */
    m->net = (struct process_net){.ops = &message_ops, .fd = fd, .pcap_fd = -1};
    m->net.about = (struct host_device){.mtu = 1500};
    net_random_mac(m->net.about.mac);
    m->ends = type == SOCK_SEQPACKET;
    return &m->net;
}
