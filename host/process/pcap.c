/* A capture before any device: the classic format of libpcap with nanoseconds, every
 * frame as it crosses between image and host, super-frames and unfinished checksums
 * included. Written as it happens, so a crash loses nothing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "host/process/net_back.h"

enum { SNAP_BYTES = 262144, LINKTYPE_ETHERNET = 1, GROUP = 16 };

struct pcap_file_head {
    u32 magic;
    u16 major, minor;
    u32 zone, sigfigs, snap, linktype;
};

struct pcap_record_head {
    u32 time_s, time_ns;
    u32 kept, length;
};

static struct pcap_record_head record_head(size_t n)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct pcap_record_head){(u32)now.tv_sec, (u32)now.tv_nsec, (u32)n, (u32)n};
}

/* A capture that cannot go on ends; the appliance does not. */
static void append(struct process_net *n, const struct iovec *iov, u32 count)
{
    size_t bytes = 0;
    for (u32 i = 0; i < count; i++)
        bytes += iov[i].iov_len;
    if (count == 0 || writev(n->pcap_fd, iov, (int)count) == (ssize_t)bytes)
        return;
    static const char text[] = "pith: the capture file is full or gone; the capture ends here\n";
    n->pcap_fd = -1;
    n->ops = n->captured;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

static i64 pcap_rx(struct process_net *n, struct host_rx *frames, u32 max)
{
    i64 got = n->captured->rx(n, frames, max);
    for (i64 i = 0; i < got && n->pcap_fd >= 0;) {
        struct pcap_record_head heads[GROUP];
        struct iovec iov[2 * GROUP];
        u32 count = 0;
        for (; i < got && count < 2 * GROUP; i++) {
            heads[count / 2] = record_head(frames[i].n);
            iov[count] = (struct iovec){&heads[count / 2], sizeof heads[0]};
            iov[count + 1] = (struct iovec){(u8 *)n->about.rx_window + frames[i].offset, frames[i].n};
            count += 2;
        }
        append(n, iov, count);
    }
    return got;
}

static i64 pcap_tx(struct process_net *n, const struct host_tx *frames, u32 max)
{
    i64 took = n->captured->tx(n, frames, max);
    for (i64 i = 0; i < took && n->pcap_fd >= 0; i++) {
        struct iovec iov[1 + NET_PARTS_MAX];
        u32 parts = 0;
        struct pcap_record_head head = record_head(net_gather(&frames[i], iov + 1, &parts));
        iov[0] = (struct iovec){&head, sizeof head};
        append(n, iov, 1 + parts);
    }
    return took;
}

static bool pcap_pending(struct process_net *n)
{
    return n->captured->pending(n);
}

static bool pcap_full(struct process_net *n)
{
    return n->captured->full(n);
}

static void pcap_close(struct process_net *n)
{
    n->captured->close(n);
}

static const struct process_net_ops pcap_ops = {
    .rx = pcap_rx,
    .tx = pcap_tx,
    .pending = pcap_pending,
    .full = pcap_full,
    .close = pcap_close,
};

bool net_capture(struct process_net *n, const char *file, const struct refusal *r)
{
    const struct pcap_file_head head = {
        .magic = 0xa1b23c4d, .major = 2, .minor = 4, .snap = SNAP_BYTES, .linktype = LINKTYPE_ETHERNET};
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, &head, sizeof head) != (ssize_t)sizeof head) {
        refuse(r, "--pcap %s: cannot write: %s", file, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes ends the capture only */
    n->pcap_fd = fd;
    n->captured = n->ops;
    n->ops = &pcap_ops;
    return true;
}
