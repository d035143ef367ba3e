/* A tap interface: the fastest way between a process and the kernel's network that
 * asks for nothing but the interface. Every frame travels behind a virtio-net header
 * (VNET_HDR), so super-frames of 64 KiB and unfinished checksums cross in both
 * directions; a read or a write is one frame. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/hash.h"
#include "base/num.h"
#include "host/process/net_back.h"

/* struct virtio_net_hdr without num_buffers, which the kernel would fill with a zero in a
 * step of its own. */
enum { OFFLOAD_BYTES = offsetof(struct host_offload, buffers) };
_Static_assert(OFFLOAD_BYTES == 10, "struct virtio_net_hdr");

/* Up to here one copy and a write cost less than a writev that finds the pieces: for an
 * HTTP answer of 1.4 KiB in five pieces 1.19 us against 1.37. */
enum { WHOLE_BYTES = 4096 };

enum { BUSY_TRIES = 20, BUSY_WAIT_NS = 10000000 };

struct tap_net {
    struct process_net net;
    u32 head; /* bytes before each frame: OFFLOAD_BYTES, or 0 for an inherited tap without VNET_HDR */
    u8 whole[OFFLOAD_BYTES + WHOLE_BYTES];
};

/* Each read puts header and frame right behind each other, the frame at a multiple of
 * FRAME_ALIGN, until the interface has no more. */
static i64 tap_rx(struct process_net *n, struct host_rx *frames, u32 max)
{
    const u32 head = CONTAINER(n, struct tap_net, net)->head;
    u8 *window = n->about.rx_window;
    u64 at = FRAME_ALIGN - head;
    u32 count = 0;
    while (n->fd >= 0 && count < max && at + head + FRAME_MAX <= n->about.rx_window_n) {
        i64 got = call_read(n->fd, window + at, head + FRAME_MAX);
        if (got < 0) {
            if (got == -EBADFD)
                net_gone(n, "the interface was deleted");
            break;
        }
        if (got <= head)
            continue;
        struct host_rx *f = &frames[count++];
        *f = (struct host_rx){.offset = (u32)at + head, .n = (u32)got - head};
        memcpy(&f->offload, window + at, head);
        at = align_up(at + (u64)got, FRAME_ALIGN) + FRAME_ALIGN - head;
    }
    return count;
}

typedef u64 wide __attribute__((vector_size(16), may_alias, aligned(1)));

/* Copies a piece of a frame and answers where the next one goes. Half the time of musl's
 * memcpy, which is made for larger ones: 53 ns against 107 for that HTTP answer. */
static u8 *append(u8 *to, const u8 *from, size_t n)
{
    size_t at = 0;
    if (n < sizeof(wide)) {
        memcpy(to, from, n);
        return to + n;
    }
    for (; at + sizeof(wide) <= n; at += sizeof(wide))
        *(wide *)(to + at) = *(const wide *)(from + at);
    *(wide *)(to + n - sizeof(wide)) = *(const wide *)(from + n - sizeof(wide));
    return to + n;
}

/* iov[0] is the header's. */
static i64 send_frame(struct tap_net *t, const struct iovec *iov, u32 count, size_t bytes)
{
    if (bytes > WHOLE_BYTES)
        return call_writev(t->net.fd, iov, count);
    u8 *end = t->whole;
    for (u32 i = 0; i < count; i++)
        end = append(end, iov[i].iov_base, iov[i].iov_len);
    return call_write(t->net.fd, t->whole, (size_t)(end - t->whole));
}

static i64 tap_tx(struct process_net *n, const struct host_tx *frames, u32 count)
{
    struct tap_net *t = CONTAINER(n, struct tap_net, net);
    struct iovec iov[1 + NET_PARTS_MAX];
    n->blocked = false;
    if (n->fd < 0)
        return count;
    for (u32 i = 0; i < count; i++) {
        u32 parts;
        size_t bytes = net_gather(&frames[i], iov + 1, &parts);
        if (bytes == 0)
            return -1;
        struct host_offload offload = frames[i].offload;
        iov[0] = (struct iovec){&offload, t->head};
        i64 put = send_frame(t, iov, 1 + parts, bytes);
        if (put < 0 && !net_lost(n, put))
            return n->fd < 0 ? count : i;
    }
    return count;
}

static const struct process_net_ops tap_ops = {
    .rx = tap_rx,
    .tx = tap_tx,
    .pending = net_never_pending,
    .full = net_still_blocked,
    .close = net_close_fd,
};

/* Linux takes UDP super-frames since 6.2. Trying it out would turn them on for receiving,
 * which no image needs, and each TUNSETOFFLOAD takes 30 us of the start. */
static u32 sendable_uso(void)
{
    struct utsname u;
    unsigned major = 0, minor = 0;
    if (uname(&u) != 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
        return 0;
    return major > 6 || (major == 6 && minor >= 2) ? NET_USO : 0;
}

/* The best set of offloads that the kernel takes. */
static u32 negotiate_offloads(int fd)
{
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == 0)
        return NET_CSUM | NET_RX_CSUM | NET_TSO4 | NET_TSO6 | sendable_uso();
    if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM) == 0)
        return NET_CSUM | NET_RX_CSUM;
    return 0;
}

/* The image's address on the wire: made from the interface's own, so that it is the same
 * after a restart (neighbours keep their ARP entries) and another one on every interface. */
static void derive_mac(u8 mac[6], int fd, const struct ifreq *interface)
{
    struct ifreq req = *interface;
    if (ioctl(fd, SIOCGIFHWADDR, &req) != 0) {
        net_random_mac(mac);
        return;
    }
    u64 hash = siphash13((struct hash_key){0}, (struct view){(const u8 *)req.ifr_hwaddr.sa_data, 6});
    memcpy(mac, &hash, 6);
    mac[0] = (u8)((mac[0] & 0xfc) | 0x02); /* locally administered, unicast */
}

/* What any socket can be asked about an interface. */
struct facts {
    bool found, up;
    int mtu;
};

static struct facts ask(const struct ifreq *interface)
{
    struct facts f = {.mtu = 1500};
    struct ifreq req = *interface;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return f;
    f.found = ioctl(s, SIOCGIFFLAGS, &req) == 0;
    f.up = f.found && (req.ifr_flags & IFF_UP);
    if (f.found && ioctl(s, SIOCGIFMTU, &req) == 0)
        f.mtu = req.ifr_mtu;
    close(s);
    return f;
}

/* From here on `fd` is attached to an interface. */
static struct process_net *tap_device(int fd, const struct ifreq *interface, u32 head, int mtu,
                                      const struct refusal *r)
{
    struct tap_net *t = calloc(1, sizeof *t);
    if (!t)
        return refuse(r, "no memory for a network device");
    t->net = (struct process_net){.ops = &tap_ops, .fd = fd, .pcap_fd = -1};
    t->head = head;
    t->net.about = (struct host_device){.mtu = (u16)MIN(MAX(mtu, 576), 9000)};
    derive_mac(t->net.about.mac, fd, interface);
    if (head)
        t->net.about.features = negotiate_offloads(fd);
    return &t->net;
}

/* Somebody who has just let go of the interface may hold it for some milliseconds more. */
static int attach(int fd, struct ifreq *interface)
{
    for (int i = 0;; i++) {
        if (ioctl(fd, TUNSETIFF, interface) == 0)
            return 0;
        if (errno != EBUSY || i == BUSY_TRIES)
            return errno;
        nanosleep(&(struct timespec){.tv_nsec = BUSY_WAIT_NS}, NULL);
    }
}

static void *explain_attach(int error, const char *name, const struct refusal *r)
{
    switch (error) {
    case EPERM:
        return refuse(r,
                      "--net tap:%s: belongs to another user; as root: ip tuntap del %s mode tap && "
                      "ip tuntap add %s mode tap user $USER",
                      name, name, name);
    case EBUSY:
        return refuse(r, "--net tap:%s: in use by another process", name);
    case EINVAL:
        return refuse(
            r, "--net tap:%s: not a tap interface; make one: ip tuntap add NAME mode tap user $USER", name);
    default:
        return refuse(r, "--net tap:%s: %s", name, strerror(error));
    }
}

struct process_net *net_tap_open(const char *name, const struct refusal *r)
{
    struct ifreq interface = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int head = OFFLOAD_BYTES;
    size_t n = strlen(name);
    if (n == 0 || n >= sizeof interface.ifr_name)
        return refuse(r, "--net tap:%s: an interface name has 1 to 15 characters", name);
    memcpy(interface.ifr_name, name, n);
    /* TUNSETIFF would make an interface that is not there, so look first. */
    struct facts facts = ask(&interface);
    if (!facts.found)
        return refuse(r,
                      "--net tap:%s: no such interface; make it as root: ip tuntap add %s mode tap user "
                      "$USER && ip addr add 10.9.0.1/24 dev %s && ip link set %s up",
                      name, name, name, name);
    if (!facts.up)
        return refuse(r, "--net tap:%s: the interface is down; as root: ip link set %s up", name, name);

    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return refuse(r, "--net tap:%s: cannot open /dev/net/tun: %s (--net user needs no privilege)", name,
                      strerror(errno));
    struct process_net *net = NULL;
    int error = attach(fd, &interface);
    if (error)
        explain_attach(error, name, r);
    else if (ioctl(fd, TUNSETVNETHDRSZ, &head) != 0)
        refuse(r, "--net tap:%s: no virtio headers of %d bytes: %s", name, head, strerror(errno));
    else
        net = tap_device(fd, &interface, (u32)head, facts.mtu, r);
    if (!net)
        close(fd);
    return net;
}

struct process_net *net_tap_adopt(int fd, const struct refusal *r)
{
    struct ifreq interface = {0};
    int head = OFFLOAD_BYTES;
    if (ioctl(fd, TUNGETIFF, &interface) != 0)
        return refuse(r, "--net fd:%d: not attached to a tap interface", fd);
    if (!(interface.ifr_flags & IFF_TAP) || !(interface.ifr_flags & IFF_NO_PI))
        return refuse(r, "--net fd:%d: must be opened with IFF_TAP and IFF_NO_PI", fd);
    if (!(interface.ifr_flags & IFF_VNET_HDR))
        head = 0;
    else if (ioctl(fd, TUNSETVNETHDRSZ, &head) != 0)
        return refuse(r, "--net fd:%d: no virtio headers of %d bytes: %s", fd, head, strerror(errno));
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return refuse(r, "--net fd:%d: %s", fd, strerror(errno));
    return tap_device(fd, &interface, (u32)head, ask(&interface).mtu, r);
}
