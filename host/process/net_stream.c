/* The window is image memory, so what lies in it may change under us: a length is read
 * once and checked, and a wrong one ends the device, nothing more. */
#include "host/process/net_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"

/* True when a whole frame is in hand, of *length bytes behind its length. */
static bool frame_ready(struct stream_net *s, u32 *length)
{
    const u8 *at = (const u8 *)s->net.about.rx_window + s->from;
    u64 have = s->to - s->from;
    u32 n;
    if (have < LENGTH_BYTES)
        return false;
    memcpy(&n, at, LENGTH_BYTES);
    n = swap32(n);
    if (n > FRAME_MAX) {
        s->from = s->to = 0;
        net_gone(&s->net, "it sent a frame of an impossible length");
        return false;
    }
    *length = n;
    return have - LENGTH_BYTES >= n;
}

/* Moves the start of an unfinished frame to the start of the window and reads on. */
static void receive(struct stream_net *s)
{
    struct process_net *n = &s->net;
    u8 *window = n->about.rx_window;
    memmove(window, window + s->from, s->to - s->from);
    s->to -= s->from;
    s->from = 0;
    i64 got = call_read(n->fd, window + s->to, n->about.rx_window_n - s->to);
    if (got > 0)
        s->to += (u64)got;
    else if (got == 0)
        net_gone(n, "the other side closed it");
    else if (got != -EAGAIN && got != -EINTR)
        net_gone(n, "the other side closed it");
}

i64 stream_rx(struct process_net *n, struct host_rx *frames, u32 max)
{
    struct stream_net *s = CONTAINER(n, struct stream_net, net);
    u32 length, count = 0;
    if (!frame_ready(s, &length) && n->fd >= 0)
        receive(s);
    while (count < max && frame_ready(s, &length)) {
        frames[count++] = (struct host_rx){
            .offset = (u32)s->from + LENGTH_BYTES, .n = length, .offload.flags = s->rx_flags};
        s->from += LENGTH_BYTES + length;
    }
    return count;
}

bool stream_pending(struct process_net *n)
{
    u32 length;
    return frame_ready(CONTAINER(n, struct stream_net, net), &length);
}

/* Sends what is left of a frame; true when nothing is. */
static bool flush(struct stream_net *s)
{
    while (s->rest_from < s->rest_to) {
        i64 put = call_write(s->net.fd, s->rest + s->rest_from, s->rest_to - s->rest_from);
        if (put == -EINTR)
            continue;
        if (put < 0 && !net_lost(&s->net, put))
            return s->net.fd < 0;
        s->rest_from = put < 0 ? s->rest_to : s->rest_from + (u32)put;
    }
    s->rest_from = s->rest_to = 0;
    return true;
}

/* Moves the first bytes of a frame's pieces to `head`; answers how many. */
static size_t take_head(u8 head[STREAM_HEAD_BYTES], struct iovec *iov, u32 parts)
{
    size_t n = 0;
    for (u32 i = 0; i < parts && n < STREAM_HEAD_BYTES; i++) {
        size_t more = MIN(iov[i].iov_len, STREAM_HEAD_BYTES - n);
        memcpy(head + n, iov[i].iov_base, more);
        iov[i] = (struct iovec){(u8 *)iov[i].iov_base + more, iov[i].iov_len - more};
        n += more;
    }
    return n;
}

/* False: a frame makes no sense. */
static bool gather_burst(struct stream_net *s, const struct host_tx *frames, u32 count)
{
    enum { BEFORE = 2 }; /* the pieces: length and head */
    struct stream_burst *b = &s->burst;
    b->frames = b->iovecs = 0;
    while (b->frames < count && b->frames < BURST_FRAMES &&
           b->iovecs + BEFORE + NET_PARTS_MAX <= BURST_IOVECS) {
        u32 parts, i = b->frames++, before = s->passes ? BEFORE : BEFORE - 1;
        struct iovec *iov = &b->iov[b->iovecs];
        size_t n = net_gather(&frames[i], iov + before, &parts);
        if (n == 0)
            return false;
        b->first[i] = b->iovecs;
        b->bytes[i] = 0;
        if (s->passes) {
            iov[1] = (struct iovec){b->heads[i], take_head(b->heads[i], iov + before, parts)};
            if (!s->passes(s, b->heads[i], iov[1].iov_len))
                continue;
        }
        b->lengths[i] = swap32((u32)n);
        b->bytes[i] = LENGTH_BYTES + n;
        iov[0] = (struct iovec){&b->lengths[i], LENGTH_BYTES};
        b->iovecs += before + parts;
    }
    b->first[b->frames] = b->iovecs;
    return true;
}

/* Keeps what follows the first `sent` bytes of frame i. */
static void keep_rest(struct stream_net *s, const struct stream_burst *b, u32 i, size_t sent)
{
    s->rest_from = s->rest_to = 0;
    for (u32 v = b->first[i]; v < b->first[i + 1]; v++) {
        size_t skip = MIN(sent, b->iov[v].iov_len), n = b->iov[v].iov_len - skip;
        memcpy(s->rest + s->rest_to, (const u8 *)b->iov[v].iov_base + skip, n);
        s->rest_to += (u32)n;
        sent -= skip;
    }
}

i64 stream_tx(struct process_net *n, const struct host_tx *frames, u32 count)
{
    struct stream_net *s = CONTAINER(n, struct stream_net, net);
    struct stream_burst *b = &s->burst;
    n->blocked = false;
    if (n->fd < 0)
        return count;
    if (!flush(s))
        return 0;
    for (u32 taken = 0; taken < count;) {
        if (!gather_burst(s, frames + taken, count - taken))
            return -1;
        i64 put = call_writev(n->fd, b->iov, b->iovecs);
        if (put == -EINTR)
            continue;
        if (put < 0 && !net_lost(n, put))
            return n->fd < 0 ? count : taken;
        if (put < 0) {
            taken += b->frames;
            continue;
        }
        size_t sent = (size_t)put;
        u32 whole = 0;
        while (whole < b->frames && sent >= b->bytes[whole])
            sent -= b->bytes[whole++];
        taken += whole;
        if (whole < b->frames) {
            n->blocked = true;
            if (sent == 0)
                return taken;
            keep_rest(s, b, whole, sent);
            return taken + 1;
        }
    }
    return count;
}

bool stream_full(struct process_net *n)
{
    struct stream_net *s = CONTAINER(n, struct stream_net, net);
    if (!n->blocked || n->fd < 0)
        return false;
    n->blocked = false;
    if (!flush(s))
        return true;
    n->blocked = true;
    return net_still_blocked(n);
}

static const struct process_net_ops stream_ops = {
    .rx = stream_rx,
    .tx = stream_tx,
    .pending = stream_pending,
    .full = stream_full,
    .close = net_close_fd,
};

void stream_init(struct stream_net *s, int fd)
{
    signal(SIGPIPE, SIG_IGN); /* a closed peer is EPIPE */
    s->net = (struct process_net){.ops = &stream_ops, .fd = fd, .pcap_fd = -1};
    s->net.about = (struct host_device){.mtu = 1500};
}

struct process_net *net_stream_adopt(int fd, const struct refusal *r)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return refuse(r, "--net fd:%d: %s", fd, strerror(errno));
    struct stream_net *s = calloc(1, sizeof *s);
    if (!s)
        return refuse(r, "no memory for a network device");
    stream_init(s, fd);
    net_random_mac(s->net.about.mac);
    return &s->net;
}
