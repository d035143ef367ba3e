/* Opening by name, and what the back ends share. */
#include "host/process/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/process/net_back.h"

void *refuse(const struct refusal *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, r->n, format, args);
    va_end(args);
    return NULL;
}

/* An inherited descriptor is what it turns out to be. */
static struct process_net *open_fd(const char *number, const struct refusal *r)
{
    char *end;
    long fd = strtol(number, &end, 10);
    struct stat st;
    if (end == number || *end || fd < 0 || fd > INT16_MAX)
        return refuse(r, "--net fd:%s: not the number of a file descriptor, such as fd:3", number);
    if (fstat((int)fd, &st) != 0)
        return refuse(r, "--net fd:%ld: not open; the program that starts pith must pass it on", fd);

    int type = 0;
    if (S_ISSOCK(st.st_mode)) {
        socklen_t n = sizeof type;
        if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &n) != 0)
            return refuse(r, "--net fd:%ld: %s", fd, strerror(errno));
        if (type == SOCK_STREAM)
            return net_stream_adopt((int)fd, r);
        if (type == SOCK_DGRAM || type == SOCK_SEQPACKET)
            return net_message_adopt((int)fd, r);
    } else if (S_ISCHR(st.st_mode)) {
        return net_tap_adopt((int)fd, r);
    }
    return refuse(r, "--net fd:%ld: neither a tap interface nor a socket pair", fd);
}

struct process_net *process_net_open(const char *spec, const struct process_port *ports, size_t ports_n,
                                     const char *pcap, char *error, size_t error_n)
{
    struct refusal r = {error, error_n};
    struct process_net *n = NULL;
    bool user = strcmp(spec, "user") == 0;
    if (!user && ports_n > 0)
        return refuse(&r, "-p works with --net user only; with %s the appliance has an address of its own",
                      spec);
    if (user)
        n = net_user_open(ports, ports_n, &r);
    else if (strncmp(spec, "tap:", 4) == 0)
        n = net_tap_open(spec + 4, &r);
    else if (strncmp(spec, "fd:", 3) == 0)
        n = open_fd(spec + 3, &r);
    else
        return refuse(&r, "--net %s: unknown; use user, tap:NAME or fd:NUMBER", spec);

    if (n && pcap && !net_capture(n, pcap, &r)) {
        process_net_close(n);
        return NULL;
    }
    return n;
}

void process_net_close(struct process_net *n)
{
    if (n->pcap_fd >= 0)
        close(n->pcap_fd);
    n->ops->close(n);
    free(n);
}

void process_net_fds(const struct process_net *n, int fds[4])
{
    size_t count = 0;
    if (n->pcap_fd >= 0)
        fds[count++] = n->pcap_fd;
    fds[count] = -1;
}

size_t net_gather(const struct host_tx *frame, struct iovec *iov, u32 *parts)
{
    const struct host_iov *from = frame->parts;
    u32 count = frame->count;
    size_t bytes = 0;
    if (count > NET_PARTS_MAX)
        return 0;
    for (u32 i = 0; i < count; i++) {
        struct host_iov part = from[i];
        if (part.n > FRAME_MAX - bytes)
            return 0;
        bytes += part.n;
        iov[i] = (struct iovec){(void *)(uintptr_t)part.p, part.n};
    }
    *parts = count;
    return bytes;
}

bool net_lost(struct process_net *n, i64 error)
{
    switch (-error) {
    case EAGAIN:
        n->blocked = true;
        return false;
    case EBADFD:
        net_gone(n, "the interface was deleted");
        return false;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
        net_gone(n, "the other side closed it");
        return false;
    default: /* EIO: interface down; EINVAL: offload words that make no sense; ENOBUFS … */
        return true;
    }
}

void net_gone(struct process_net *n, const char *why)
{
    static const char text[] = "pith: the network device is gone: ";
    struct iovec line[] = {{(void *)(uintptr_t)text, sizeof text - 1},
                           {(void *)(uintptr_t)why, strlen(why)},
                           {(void *)(uintptr_t)"\n", 1}};
    if (n->fd < 0)
        return;
    n->fd = -1;
    n->blocked = false;
    if (!n->may_end)
        (void)!writev(STDERR_FILENO, line, 3);
}

bool net_still_blocked(struct process_net *n)
{
    if (!n->blocked)
        return false;
    struct pollfd p = {.fd = n->fd, .events = POLLOUT};
    struct timespec now = {0};
    n->blocked = ppoll(&p, 1, &now, NULL) == 0;
    return n->blocked;
}

void net_random_mac(u8 mac[6])
{
    (void)!getrandom(mac, 6, 0);
    mac[0] = (u8)((mac[0] & 0xfc) | 0x02);
}

bool net_never_pending(struct process_net *n)
{
    (void)n;
    return false;
}

void net_close_fd(struct process_net *n)
{
    if (n->fd >= 0)
        close(n->fd);
}
