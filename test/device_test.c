/* The network devices of the process host, each driven through host/process/net.h as
 * the host table does, with this test on the other side. tap needs root (it makes a
 * network namespace of its own), user needs passt; both are skipped aloud. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/num.h"
#include "base/random.h"
#include "host/process/net.h"
#include "host/process/net_gate.h"
#include "host/process/net_stream.h"
#include "sig/net.h"
#include "test/test.h"

enum { WINDOW = 256 * 1024, BURST = 64 };

static _Alignas(4096) u8 window[WINDOW];
static char error[256];

static struct process_net *open_device(const char *spec, const char *pcap)
{
    error[0] = 0;
    struct process_net *n = process_net_open(spec, NULL, 0, pcap, error, sizeof error);
    if (n) {
        n->about.rx_window = window;
        n->about.rx_window_n = WINDOW;
    }
    return n;
}

/* A device on one end of a socket pair; *other is the test's end. */
static struct process_net *open_pair(int type, int *other, const char *pcap)
{
    int pair[2];
    char spec[32];
    if (socketpair(AF_UNIX, type, 0, pair) != 0)
        return NULL;
    *other = pair[1];
    snprintf(spec, sizeof spec, "fd:%d", pair[0]);
    return open_device(spec, pcap);
}

static bool says(const char *part)
{
    if (strstr(error, part) && !strchr(error, '\n'))
        return true;
    printf("# the error was: %s\n", error);
    return false;
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, 1, 2000);
}

static bool send_one(struct process_net *n, const void *p, size_t size)
{
    struct host_iov part = {p, size};
    struct host_tx frame = {.parts = &part, .count = 1};
    return n->ops->tx(n, &frame, 1) == 1;
}

TEST(a_spec_that_cannot_be_opened_says_why)
{
    CHECK(!open_device("bridge0", NULL) && says("use user, tap:NAME or fd:NUMBER"));
    CHECK(!open_device("fd:x", NULL) && says("number of a file descriptor"));
    CHECK(!open_device("fd:999", NULL) && says("not open"));
    CHECK(!open_device("tap:", NULL) && says("1 to 15 characters"));
    CHECK(!open_device("tap:a-name-that-is-too-long", NULL) && says("1 to 15 characters"));
    CHECK(!open_device("tap:nothere0", NULL) && says("no such interface") && says("ip tuntap add nothere0"));
    int null = open("/dev/null", O_RDWR);
    char spec[16];
    snprintf(spec, sizeof spec, "fd:%d", null);
    CHECK(!open_device(spec, NULL) && says("not attached to a tap interface"));
    close(null);
    struct process_port port = {.host = 8080, .guest = 80};
    CHECK(!process_net_open("tap:x", &port, 1, NULL, error, sizeof error) &&
          says("-p works with --net user only"));
}

/* Frames of all sizes, the sender's pieces cut anywhere: each arrives whole, once. */
TEST(stream_frames_arrive_whole_however_they_are_cut)
{
    struct random r;
    u64 seed = (u64)time(NULL) ^ (u64)getpid();
    printf("# seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    int other;
    struct process_net *n = open_pair(SOCK_STREAM, &other, NULL);
    CHECK(n);
    static u8 wire[64 * (4 + 65549)];
    for (int round = 0; round < 20; round++) {
        size_t sizes[64], total = 0, sent = 0;
        u32 frames = 1 + (u32)random_below(&r, 64), got = 0;
        for (u32 i = 0; i < frames; i++) {
            sizes[i] = random_below(&r, 8) == 0 ? 1 + random_below(&r, 65549) : 1 + random_below(&r, 1514);
            u32 be = swap32((u32)sizes[i]);
            memcpy(wire + total, &be, 4);
            for (size_t k = 0; k < sizes[i]; k++)
                wire[total + 4 + k] = (u8)((i * 7 + k) & 0xff);
            total += 4 + sizes[i];
        }
        while (got < frames) {
            if (sent < total) {
                size_t cut = MIN(total - sent, (size_t)(1 + random_below(&r, 50000)));
                ssize_t put = send(other, wire + sent, cut, MSG_DONTWAIT);
                sent += put > 0 ? (size_t)put : 0;
            }
            struct host_rx rx[BURST];
            i64 count = n->ops->rx(n, rx, 1 + (u32)random_below(&r, BURST));
            CHECK(count >= 0);
            for (i64 k = 0; k < count; k++, got++) {
                CHECK_EQ(rx[k].n, sizes[got]);
                CHECK(rx[k].offset + rx[k].n <= WINDOW);
                for (u32 b = 0; b < rx[k].n; b++)
                    CHECK(window[rx[k].offset + b] == (u8)((got * 7 + b) & 0xff));
            }
        }
        CHECK(!n->ops->pending(n));
    }
    process_net_close(n);
    close(other);
}

/* A peer that reads slowly: what the socket takes in part is finished later, in order. */
TEST(stream_keeps_the_rest_of_a_frame_that_was_sent_in_part)
{
    int other;
    struct process_net *n = open_pair(SOCK_STREAM, &other, NULL);
    CHECK(n);
    int small = 4096;
    setsockopt(n->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    static u8 payload[40000], back[4 + 65549];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (u8)(i * 31 >> 3 & 0xff);
    enum { FRAMES = 300 };
    u32 sent = 0, came = 0;
    size_t have = 0;
    while (came < FRAMES) {
        struct host_iov parts[BURST][3];
        struct host_tx tx[BURST];
        u32 count = MIN(FRAMES - sent, 10u);
        for (u32 i = 0; i < count; i++) {
            size_t size = 100 + (size_t)(sent + i) * 131 % 39000;
            parts[i][0] = (struct host_iov){payload, 50};
            parts[i][1] = (struct host_iov){payload + 50, 7};
            parts[i][2] = (struct host_iov){payload + 57, size - 57};
            tx[i] = (struct host_tx){.parts = parts[i], .count = 3};
        }
        if (count && !n->ops->full(n)) {
            i64 took = n->ops->tx(n, tx, count);
            CHECK(took >= 0 && took <= count);
            sent += (u32)took;
        }
        n->ops->full(n);
        ssize_t got = recv(other, back + have, MIN(sizeof back - have, (size_t)3000), MSG_DONTWAIT);
        have += got > 0 ? (size_t)got : 0;
        u32 size = 0;
        while (have >= 4 && (memcpy(&size, back, 4), size = swap32(size), have >= 4 + size)) {
            CHECK_EQ(size, 100 + (size_t)came * 131 % 39000);
            CHECK(memcmp(back + 4, payload, size) == 0);
            memmove(back, back + 4 + size, have - 4 - size);
            have -= 4 + size;
            came++;
        }
    }
    process_net_close(n);
    close(other);
}

/* An image's disk may write to a frame that the host has just looked at. */
static u8 looked_at[2][200];

static bool passes_and_changes(struct stream_net *s, const u8 *head, size_t n)
{
    bool good = n == STREAM_HEAD_BYTES && head[0] == 'a';
    (void)s;
    memset(looked_at, 'x', sizeof looked_at);
    return good;
}

TEST(stream_sends_the_head_that_was_looked_at)
{
    int other;
    u8 got[sizeof looked_at + 16];
    struct process_net *n = open_pair(SOCK_STREAM, &other, NULL);
    CHECK(n);
    CONTAINER(n, struct stream_net, net)->passes = passes_and_changes;
    memset(looked_at[0], 'a', sizeof looked_at[0]);
    memset(looked_at[1], 'a', sizeof looked_at[1]);
    const struct host_iov parts[][3] = {
        {{looked_at[0], 7}, {looked_at[0] + 7, 100}, {looked_at[0] + 107, 93}}, {{looked_at[1], 200}}};
    const struct host_tx frames[] = {{.parts = parts[0], .count = 3}, {.parts = parts[1], .count = 1}};
    CHECK_EQ(n->ops->tx(n, frames, 2), 2); /* the second, changed by then, is lost */
    CHECK_EQ(n->ops->tx(n, frames + 1, 1), 1);
    CHECK_EQ(recv(other, got, sizeof got, MSG_DONTWAIT), 204);
    CHECK(memcmp(got, "\0\0\0\xc8", 4) == 0);
    for (size_t i = 0; i < sizeof looked_at[0]; i++)
        CHECK_EQ(got[4 + i], i < STREAM_HEAD_BYTES ? 'a' : 'x');
    process_net_close(n);
    close(other);
}

TEST(stream_ends_at_an_impossible_length_and_when_closed)
{
    struct host_rx rx[BURST];
    int other;
    struct process_net *n = open_pair(SOCK_STREAM, &other, NULL);
    CHECK(n && send(other,
                    "\xff\xff\xff\xff"
                    "abc",
                    7, 0) == 7);
    CHECK(n->ops->rx(n, rx, BURST) == 0 && n->fd == -1);
    CHECK(n->ops->rx(n, rx, BURST) == 0 && send_one(n, "x", 1) && !n->ops->full(n));
    process_net_close(n);
    close(other);

    n = open_pair(SOCK_STREAM, &other, NULL);
    CHECK(n);
    close(other);
    CHECK(n->ops->rx(n, rx, BURST) == 0 && n->fd == -1);
    process_net_close(n);
}

TEST(message_sockets_carry_a_frame_a_message)
{
    const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    for (size_t t = 0; t < COUNT(types); t++) {
        int other;
        struct process_net *n = open_pair(types[t], &other, NULL);
        CHECK(n && (n->about.mac[0] & 3) == 2 && n->about.features == 0);
        CHECK(send(other, "first", 5, 0) == 5 && send(other, "second", 6, 0) == 6);
        struct host_rx rx[BURST];
        CHECK_EQ(n->ops->rx(n, rx, BURST), 2);
        CHECK(rx[0].n == 5 && memcmp(window + rx[0].offset, "first", 5) == 0);
        CHECK(rx[1].n == 6 && memcmp(window + rx[1].offset, "second", 6) == 0 && rx[1].offset % 64 == 0);
        struct host_iov parts[2] = {{"he", 2}, {"llo", 3}};
        struct host_tx tx = {.parts = parts, .count = 2};
        char text[8];
        CHECK(n->ops->tx(n, &tx, 1) == 1 && recv(other, text, 8, 0) == 5 && memcmp(text, "hello", 5) == 0);
        struct host_tx too_many = {.parts = parts, .count = 1000000};
        struct host_iov huge[2] = {{"x", UINT64_MAX}, {"y", 2}};
        struct host_tx overflow = {.parts = huge, .count = 2};
        CHECK(n->ops->tx(n, &too_many, 1) == -1 && n->ops->tx(n, &overflow, 1) == -1);
        u32 took = 0;
        while (took < 10000 && send_one(n, "fill", 4))
            took++;
        CHECK(took < 10000 && n->ops->full(n));
        while (recv(other, text, 8, MSG_DONTWAIT) > 0)
            ;
        CHECK(!n->ops->full(n) && send_one(n, "again", 5));
        close(other);
        if (types[t] == SOCK_SEQPACKET)
            CHECK(n->ops->rx(n, rx, BURST) == 0 && n->fd == -1);
        process_net_close(n);
    }
}

TEST(a_capture_holds_what_crossed_in_order)
{
    char name[] = "/tmp/pith-capture-XXXXXX";
    close(mkstemp(name));
    int other;
    struct process_net *n = open_pair(SOCK_DGRAM, &other, name);
    CHECK(n && n->pcap_fd >= 0);
    struct host_rx rx[BURST];
    CHECK(send(other, "in", 2, 0) == 2 && n->ops->rx(n, rx, BURST) == 1 && send_one(n, "going out", 9));
    int fds[4];
    process_net_fds(n, fds);
    CHECK(fds[0] == n->pcap_fd && fds[1] == -1);
    process_net_close(n);
    close(other);
    u8 file[24 + 16 + 2 + 16 + 9 + 1];
    int fd = open(name, O_RDONLY);
    CHECK_EQ(read(fd, file, sizeof file), sizeof file - 1);
    close(fd);
    unlink(name);
    u32 magic, kept;
    memcpy(&magic, file, 4);
    memcpy(&kept, file + 24 + 8, 4);
    CHECK(magic == 0xa1b23c4d && kept == 2 && memcmp(file + 40, "in", 2) == 0);
    memcpy(&kept, file + 42 + 8, 4);
    CHECK(kept == 9 && memcmp(file + 58, "going out", 9) == 0);

    CHECK(!open_pair(SOCK_DGRAM, &other, "/nowhere/x.pcap") && says("--pcap /nowhere/x.pcap"));
}

/* Makes an interface of a namespace of our own, up, with an address. */
static int make_tap(const char *name, short flags)
{
    struct ifreq req = {.ifr_flags = flags};
    memcpy(req.ifr_name, name, strlen(name));
    int fd = open("/dev/net/tun", O_RDWR), s = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &req) != 0 || ioctl(fd, TUNSETPERSIST, 1) != 0)
        return -1;
    close(fd);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a090001)};
    memcpy(&req.ifr_addr, &at, sizeof at);
    int bad = ioctl(s, SIOCSIFADDR, &req);
    at.sin_addr.s_addr = htonl(0xffffff00);
    memcpy(&req.ifr_netmask, &at, sizeof at);
    bad |= ioctl(s, SIOCSIFNETMASK, &req);
    req.ifr_flags = IFF_UP;
    bad |= ioctl(s, SIOCSIFFLAGS, &req);
    close(s);
    return bad;
}

/* Answers ARP requests and turns UDP datagrams around, by hand. */
static void respond(struct process_net *n, struct host_rx *f)
{
    u8 *p = window + f->offset;
    memcpy(p, p + 6, 6);
    memcpy(p + 6, n->about.mac, 6);
    if (p[12] == 8 && p[13] == 6) {
        u8 asked[4];
        memcpy(asked, p + 38, 4);
        p[21] = 2;
        memcpy(p + 32, p + 22, 10);
        memcpy(p + 22, n->about.mac, 6);
        memcpy(p + 28, asked, 4);
    } else if (p[12] == 8 && p[13] == 0 && p[23] == IPPROTO_UDP) {
        u8 t[4];
        memcpy(t, p + 26, 4), memcpy(p + 26, p + 30, 4), memcpy(p + 30, t, 4);
        memcpy(t, p + 34, 2), memcpy(p + 34, p + 36, 2), memcpy(p + 36, t, 2);
    } else {
        return;
    }
    struct host_iov parts[2] = {{p, 14}, {p + 14, f->n - 14}};
    struct host_tx tx = {.parts = parts, .count = 2, .offload = f->offload};
    n->ops->tx(n, &tx, 1);
}

TEST(tap_carries_frames_and_offloads)
{
    if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0)
        SKIP("needs root and /dev/net/tun");
    CHECK(make_tap("tap0", IFF_TAP | IFF_NO_PI) == 0 && make_tap("tun0", IFF_TUN | IFF_NO_PI) == 0);
    CHECK(!open_device("tap:tun0", NULL) && says("not a tap interface"));
    CHECK(!open_device("tap:lo", NULL) && says("the interface is down"));
    struct process_net *n = open_device("tap:tap0", NULL);
    CHECK(n && n->about.mtu == 1500 && (n->about.mac[0] & 3) == 2);
    CHECK((n->about.features & (NET_CSUM | NET_RX_CSUM | NET_TSO4)) == (NET_CSUM | NET_RX_CSUM | NET_TSO4));
    CHECK(!open_device("tap:tap0", NULL) && says("in use by another process"));

    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0x0a090002)};
    char text[2000] = "around the world", back[2000] = "";
    CHECK(connect(s, (struct sockaddr *)&to, sizeof to) == 0 && send(s, text, 1400, 0) == 1400);
    bool unfinished = false;
    for (int i = 0; i < 50; i++) {
        struct host_rx rx[BURST];
        wait_readable(n->fd);
        i64 count = n->ops->rx(n, rx, BURST);
        for (i64 k = 0; k < count; k++) {
            CHECK(rx[k].offset % 64 == 0 && rx[k].offset + rx[k].n <= WINDOW);
            unfinished |= rx[k].offload.flags & NET_NEEDS_CSUM;
            respond(n, &rx[k]);
        }
        if (recv(s, back, sizeof back, MSG_DONTWAIT) == 1400)
            break;
    }
    CHECK(strcmp(back, text) == 0 && unfinished);
    close(s);
    u8 mac[6];
    memcpy(mac, n->about.mac, 6);
    process_net_close(n);
    n = open_device("tap:tap0", NULL);
    CHECK(n && memcmp(mac, n->about.mac, 6) == 0);
    process_net_close(n);
}

/* A frame to `to` with one TCP or UDP header, as the image would send it. */
static size_t make_frame(u8 *f, u32 to, u8 protocol, u16 port, u8 flags)
{
    memset(f, 0, 60);
    f[12] = 8, f[14] = 0x45, f[23] = protocol;
    for (int i = 0; i < 4; i++)
        f[30 + i] = (u8)(to >> (24 - 8 * i) & 0xff);
    f[36] = (u8)(port >> 8), f[37] = (u8)(port & 0xff), f[47] = flags;
    return 54;
}

/* A TCP client of a published port reaches the image, and passt ends with its device. */
TEST(user_publishes_a_port_and_leaves_nothing_behind)
{
    if (access("/usr/bin/passt", X_OK) != 0)
        SKIP("passt is not installed");
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_n = sizeof at;
    int busy = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(busy, (struct sockaddr *)&at, sizeof at) == 0 && listen(busy, 1) == 0);
    CHECK(getsockname(busy, (struct sockaddr *)&at, &at_n) == 0);
    struct process_port ports[] = {{.host = ntohs(at.sin_port), .guest = 80}};
    CHECK(!process_net_open("user", ports, 1, NULL, error, sizeof error) &&
          says("in use; publish another one: -p"));
    close(busy);
    ports[0].host_ip = "localhost";
    CHECK(!process_net_open("user", ports, 1, NULL, error, sizeof error) && says("not an IPv4 address"));
    ports[0].host_ip = "192.0.2.77";
    CHECK(!process_net_open("user", ports, 1, NULL, error, sizeof error) && says("no interface here"));

    ports[0].host_ip = NULL;
    signal(SIGCHLD, SIG_DFL);
    struct process_net *n = process_net_open("user", ports, 1, NULL, error, sizeof error);
    if (!n)
        printf("# %s\n", error);
    CHECK(n);
    n->about.rx_window = window;
    n->about.rx_window_n = WINDOW;
    CHECK(connect(s, (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS);
    bool syn = false;
    for (int i = 0; i < 20 && !syn; i++) {
        struct host_rx rx[BURST];
        if (i == 0) { /* it is kept until the image says what its address is */
            wait_readable(n->fd);
            for (i64 got; (got = n->ops->rx(n, rx, BURST)) > 0;)
                CHECK(window[rx[0].offset + 12] != 8 || window[rx[0].offset + 23] != IPPROTO_TCP);
            CHECK(!n->ops->pending(n));
            static const u8 announcement[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8,  6, 0, 1,
                                                8,   0,   6,   4,   0,   1,   2, 0, 0, 0, 0, 1, 10, 0, 2, 15};
            CHECK(send_one(n, announcement, sizeof announcement));
            CHECK(n->ops->pending(n));
        } else {
            wait_readable(n->fd);
        }
        i64 count = n->ops->rx(n, rx, BURST);
        for (i64 k = 0; k < count; k++) {
            const u8 *p = window + rx[k].offset;
            syn |= rx[k].n >= 54 && p[23] == IPPROTO_TCP && p[36] == 0 && p[37] == 80 &&
                   (p[47] & 0x12) == 0x02 && rx[k].offload.flags == NET_DATA_VALID &&
                   memcmp(p, n->about.mac, 6) == 0;
        }
    }
    CHECK(syn);
    process_net_close(n);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    close(s);
}

TEST(the_gate_keeps_the_image_from_the_hosts_loopback)
{
    static struct gate g;
    enum { TCP = 6, UDP = 17, SYN = 2, SYN_ACK = 0x12, ACK = 0x10 };
    u8 f[60];
    CHECK(!gate_passes(&g, f, make_frame(f, 0x7f000001, TCP, 22, SYN)));
    CHECK(!gate_passes(&g, f, make_frame(f, 0x7f000001, TCP, 22, ACK)));
    CHECK(!gate_passes(&g, f, make_frame(f, 0x7fffffff, UDP, 53, 0)));
    CHECK(!gate_passes(&g, f, make_frame(f, 0, TCP, 22, SYN)));
    CHECK(gate_passes(&g, f, make_frame(f, 0xc0000201, TCP, 80, SYN)));
    CHECK(gate_passes(&g, f, make_frame(f, 0xffffffff, UDP, 67, 0)));

    /* The gateway: answers only, and no fragment that hides what it is. */
    CHECK(!gate_passes(&g, f, make_frame(f, GATE_GATEWAY, TCP, 22, SYN)));
    CHECK(gate_passes(&g, f, make_frame(f, GATE_GATEWAY, TCP, 40000, SYN_ACK)));
    CHECK(gate_passes(&g, f, make_frame(f, GATE_GATEWAY, TCP, 40000, ACK)));
    f[21] = 1;
    CHECK(!gate_passes(&g, f, 54));
    make_frame(f, GATE_GATEWAY, TCP, 22, ACK);
    f[14] = 0x46; /* with four bytes of options the flags lie further on */
    f[51] = SYN;
    CHECK(!gate_passes(&g, f, 58));
    CHECK(!gate_passes(&g, f, 47));
    CHECK(!gate_passes(&g, f, make_frame(f, GATE_GATEWAY, UDP, 5000, 0)));
    make_frame(f, 0x0a00020f, UDP, 7, 0);
    f[26] = 10, f[28] = 2, f[29] = 2, f[34] = 5000 >> 8, f[35] = 5000 & 0xff;
    gate_hear(&g, f, 54);
    CHECK(gate_passes(&g, f, make_frame(f, GATE_GATEWAY, UDP, 5000, 0)));
    CHECK(!gate_passes(&g, f, make_frame(f, GATE_GATEWAY, UDP, 5001, 0)));
    CHECK(gate_passes(&g, f, 13));
}

TEST(the_gate_knows_when_the_image_has_an_address)
{
    enum { TCP = 6, UDP = 17, SYN = 2, SYN_ACK = 0x12 };
    u8 f[60];
    CHECK(gate_opens(f, make_frame(f, 0x0a00020f, TCP, 80, SYN)) && !gate_opens(f, 47));
    CHECK(!gate_opens(f, make_frame(f, 0x0a00020f, TCP, 80, SYN_ACK)));
    CHECK(!gate_opens(f, make_frame(f, 0x0a00020f, UDP, 80, SYN)));
    CHECK(!gate_is_addressed(f, make_frame(f, 0xffffffff, UDP, 67, 0))); /* DHCP, from 0.0.0.0 */
    f[29] = 15;
    CHECK(gate_is_addressed(f, 54));
    memset(f, 0, sizeof f);
    f[12] = 8, f[13] = 6, f[31] = 15;
    CHECK(gate_is_addressed(f, 42) && !gate_is_addressed(f, 31));
    f[31] = 0; /* a probe (RFC 5227) */
    CHECK(!gate_is_addressed(f, 42));
    f[12] = 0x86, f[13] = 0xdd, f[31] = 15;
    CHECK(!gate_is_addressed(f, 42));
}

/* A connection attempt of the image's, as passt takes it: checksum of IP, an MSS option. */
static size_t make_syn(u8 *f, const struct process_net *n, u32 to, u16 port)
{
    make_frame(f, to, IPPROTO_TCP, port, 2);
    memset(f, 0x02, 6);
    memcpy(f + 6, n->about.mac, 6);
    f[17] = 44, f[22] = 64, f[26] = 10, f[28] = 2, f[29] = 15, f[35] = 99, f[46] = 0x60, f[48] = 0xff;
    f[54] = 2, f[55] = 4, f[56] = 5, f[57] = 0xb4;
    u32 sum = 0;
    for (int i = 14; i < 34; i += 2)
        sum += (u32)(f[i] << 8 | f[i + 1]);
    sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    f[24] = (u8)(sum >> 8), f[25] = (u8)(sum & 0xff);
    return 58;
}

/* With passt itself: nobody listens on this machine's loopback for an image. */
TEST(user_keeps_the_loopback_to_the_host)
{
    if (access("/usr/bin/passt", X_OK) != 0)
        SKIP("passt is not installed");
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_n = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 4) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &at_n) == 0);
    struct process_net *n = process_net_open("user", NULL, 0, NULL, error, sizeof error);
    CHECK(n);
    const u32 targets[] = {INADDR_LOOPBACK, GATE_GATEWAY, 0};
    u8 frame[60];
    for (size_t i = 0; i < COUNT(targets); i++)
        CHECK(send_one(n, frame, make_syn(frame, n, targets[i], ntohs(at.sin_port))));
    struct pollfd p = {.fd = listener, .events = POLLIN};
    CHECK(poll(&p, 1, 200) == 0);
    process_net_close(n);
    close(listener);
}

TESTS(CASE(the_gate_keeps_the_image_from_the_hosts_loopback),
      CASE(the_gate_knows_when_the_image_has_an_address), CASE(a_spec_that_cannot_be_opened_says_why),
      CASE(stream_frames_arrive_whole_however_they_are_cut),
      CASE(stream_keeps_the_rest_of_a_frame_that_was_sent_in_part),
      CASE(stream_sends_the_head_that_was_looked_at),
      CASE(stream_ends_at_an_impossible_length_and_when_closed),
      CASE(message_sockets_carry_a_frame_a_message), CASE(a_capture_holds_what_crossed_in_order),
      CASE(user_publishes_a_port_and_leaves_nothing_behind), CASE(user_keeps_the_loopback_to_the_host),
      CASE(tap_carries_frames_and_offloads))
