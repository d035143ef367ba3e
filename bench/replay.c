/* replay IMAGE REQUESTS IN_FLIGHT: what an image itself costs, without a machine around
 * it. Runs the image on a host that is memory and nothing else: a peer behind its network
 * device asks so many requests, so many at a time, over TCP (HTTP, each answer looked at)
 * or, where the image is echo, over UDP, and time passes when the image waits. Prints the
 * processor time of a request in ns, the peer's small share included. The same frames at
 * the same times in every run, so instructions can be counted (bench/profile.py). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/codec.h"
#include "base/num.h"
#include "base/time.h"
#include "host/host.h"
#include "sig/net.h"
#include "wire/manifest.h"

enum {
    FLIGHT_MAX = 64,
    FRAME_MAX = 512,
    QUEUE = 256,
    HEADERS = 14 + 20 + 20,
    BODY = 1024,       /* of the file that is asked for */
    START_S = 20,      /* by then the image has its address and listens */
    US = 1000,
};

enum { ETH_ARP = 0x806, ETH_IP = 0x800, FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static const u32 ip = 10u << 24 | 88 << 16 | 1 << 8 | 2, peer_ip = 10u << 24 | 88 << 16 | 1 << 8 | 1;
static const u8 mac[6] = {2, 0, 0, 0, 0, 2}, peer_mac[6] = {2, 0, 0, 0, 0, 1};
static const char request[] = "GET /1k.txt HTTP/1.1\r\nHost: 10.88.1.2\r\n\r\n";

struct frame {
    u8 bytes[FRAME_MAX];
    u32 n;
};

struct flight {
    u32 snd, rcv;
    size_t answered; /* bytes of the answer so far */
    size_t expected; /* bytes of a whole answer; 0: not known */
};

static struct {
    struct frame queue[QUEUE]; /* what the image is still to receive: a ring */
    u32 first, queued;
    u8 *window;
    u64 window_n;
    struct flight flights[FLIGHT_MAX];
    u32 in_flight;
    u64 asked, answered, wanted;
    u64 now;
    struct timespec began;
    bool started, is_echo;
} peer;

static void give_up(const char *what)
{
    fprintf(stderr, "replay: %s\n", what);
    exit(1);
}

/* ---- what the peer sends ---------------------------------------------------------- */

static struct writer new_frame(u16 type)
{
    if (peer.queued == QUEUE)
        give_up("the image does not receive");
    struct frame *f = &peer.queue[(peer.first + peer.queued) % QUEUE];
    struct writer w = writer_of(SPAN_OF(f->bytes));
    put_bytes(&w, VIEW_OF(mac));
    put_bytes(&w, VIEW_OF(peer_mac));
    put_be16(&w, type);
    return w;
}

static void send_frame(const struct writer *w)
{
    peer.queue[(peer.first + peer.queued) % QUEUE].n = (u32)w->n;
    peer.queued++;
}

static void put_ip(struct writer *w, u8 protocol, size_t n)
{
    put_be16(w, 0x4500);
    put_be16(w, (u16)(20 + n));
    put_be32(w, 0x4000); /* don't fragment */
    put_u8(w, 64);
    put_u8(w, protocol);
    size_t sum_at = w->n;
    put_be16(w, 0);
    put_be32(w, peer_ip);
    put_be32(w, ip);
    u32 sum = 0;
    for (size_t i = sum_at - 10; i < sum_at + 10; i += 2)
        sum += load_be16(written(w), i);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(w->out, sum_at, (u16) ~(sum + (sum >> 16)));
}

static void send_tcp(u32 number, u8 flags, const char *text, size_t n)
{
    struct flight *c = &peer.flights[number];
    struct writer w = new_frame(ETH_IP);
    put_ip(&w, 6, 20 + n);
    put_be16(&w, (u16)(40000 + number));
    put_be16(&w, 80);
    put_be32(&w, c->snd);
    put_be32(&w, c->rcv);
    put_u8(&w, 5 << 4);
    put_u8(&w, flags);
    put_be16(&w, 65000);
    put_be32(&w, 0); /* the device vouches for the sum */
    put_bytes(&w, (struct view){(const u8 *)text, n});
    send_frame(&w);
    c->snd += (u32)n + (flags & SYN ? 1 : 0);
}

static void send_udp(u32 number)
{
    struct writer w = new_frame(ETH_IP);
    put_ip(&w, 17, 8 + 64);
    put_be16(&w, (u16)(40000 + number));
    put_be16(&w, 7);
    put_be16(&w, 8 + 64);
    put_be16(&w, 0);
    put_zeroes(&w, 64);
    send_frame(&w);
}

static void send_arp(u16 operation)
{
    struct writer w = new_frame(ETH_ARP);
    put_be64(&w, 0x0001080006040000 | operation);
    put_bytes(&w, VIEW_OF(peer_mac));
    put_be32(&w, peer_ip);
    put_bytes(&w, VIEW_OF(mac));
    put_be32(&w, ip);
    send_frame(&w);
}

static void ask(u32 number)
{
    if (peer.asked == peer.wanted)
        return;
    peer.asked++;
    if (peer.is_echo)
        send_udp(number);
    else
        send_tcp(number, ACK | PSH, request, sizeof request - 1);
}

/* ---- what it receives --------------------------------------------------------------- */

static void answered(u32 number)
{
    peer.answered++;
    ask(number);
}

static void take_tcp(struct view segment)
{
    u32 number = load_be16(segment, 2) - 40000u;
    if (number >= peer.in_flight)
        return;
    struct flight *c = &peer.flights[number];
    u8 flags = load_u8(segment, 13);
    struct view data = view_from(segment, (size_t)(load_u8(segment, 12) >> 4) * 4);
    if (flags & (RST | FIN))
        give_up("the image closed a connection");
    if (flags & SYN) {
        c->rcv = load_be32(segment, 4) + 1;
        ask(number);
        return;
    }
    if (data.n == 0)
        return;
    if (load_be32(segment, 4) != c->rcv)
        give_up("a segment out of order");
    if (c->answered == 0) {
        size_t head = view_find_seq(data, VIEW("\r\n\r\n"));
        if (!view_starts(data, VIEW("HTTP/1.1 200 ")) || head == data.n)
            give_up("not the answer that was asked for");
        c->expected = head + 4 + BODY;
    }
    c->rcv += (u32)data.n;
    c->answered += data.n;
    if (c->answered > c->expected)
        give_up("more of an answer than there is");
    if (c->answered == c->expected) {
        c->answered = 0;
        answered(number);
    }
}

static void take(struct view frame)
{
    if (load_be16(frame, 12) == ETH_ARP) {
        if (load_be16(frame, 20) == 1 && load_be32(frame, 38) == peer_ip)
            send_arp(2);
        return;
    }
    struct view packet = view_from(frame, 14);
    if (load_be16(frame, 12) != ETH_IP || load_be32(packet, 16) != peer_ip)
        return;
    struct view payload = view_sub(packet, 20, load_be16(packet, 2) - 20u);
    if (load_u8(packet, 9) == 6)
        take_tcp(payload);
    else if (load_u8(packet, 9) == 17)
        answered(load_be16(payload, 2) - 40000u);
}

/* ---- the host's functions ------------------------------------------------------------- */

static u64 clock_mono(void)
{
    peer.now += US;
    return peer.now;
}

static u64 clock_wall(void)
{
    return peer.now + 1800000000 * NS_PER_S;
}

static i64 receive(u32 device, struct host_rx *frames, u32 max)
{
    u32 n = 0, at = 0;
    (void)device;
    for (; n < max && peer.queued > 0 && at + FRAME_MAX <= peer.window_n; n++) {
        const struct frame *f = &peer.queue[peer.first];
        memcpy(peer.window + at, f->bytes, f->n);
        frames[n] = (struct host_rx){.offset = at, .n = f->n, .offload = {.flags = NET_DATA_VALID}};
        at += (u32)align_up(f->n, 64);
        peer.first = (peer.first + 1) % QUEUE;
        peer.queued--;
    }
    return n;
}

static i64 transmit(u32 device, const struct host_tx *frames, u32 n)
{
    static u8 whole[1 << 17];
    (void)device;
    for (u32 i = 0; i < n; i++) {
        struct writer w = writer_of(SPAN_OF(whole));
        for (u32 k = 0; k < frames[i].count; k++)
            put_bytes(&w, (struct view){frames[i].parts[k].p, frames[i].parts[k].n});
        take(written(&w));
    }
    return n;
}

static void console(const void *text, u64 n)
{
    fwrite(text, 1, n, stderr);
}

static void no_entropy(void *out, u64 n)
{
    memset(out, 'e', n);
}

static void start(void)
{
    peer.started = true;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &peer.began);
    send_arp(1);
    for (u32 i = 0; i < peer.in_flight; i++) {
        peer.flights[i].snd = i << 20;
        if (peer.is_echo)
            ask(i);
        else
            send_tcp(i, SYN, "", 0);
    }
}

static void finish(void)
{
    struct timespec end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double ns = (double)(end.tv_sec - peer.began.tv_sec) * 1e9 + (double)(end.tv_nsec - peer.began.tv_nsec);
    printf("%.1f\n", ns / (double)peer.wanted);
    exit(0);
}

static u64 wait_until(u64 readable, u64 writable, u64 deadline)
{
    if (peer.answered == peer.wanted)
        finish();
    if (!peer.started && peer.now > START_S * NS_PER_S)
        start();
    if (peer.queued == 0) {
        if (peer.started && deadline == FOREVER)
            give_up("the image waits for ever");
        peer.now = peer.started || deadline != FOREVER ? MAX(peer.now, deadline) : START_S * NS_PER_S;
    }
    return (writable & 1) | (peer.queued > 0 ? readable & 1 : 0);
}

static i64 guard(void *page)
{
    return mprotect(page, ELF_PAGE, PROT_NONE);
}

__attribute__((noreturn)) static void ended(u32 code)
{
    fprintf(stderr, "replay: the image ended with %u\n", code);
    exit(1);
}

static i64 no_block(u32 device, const struct host_block *requests, u32 n)
{
    (void)device, (void)requests, (void)n;
    return -1;
}

static i64 no_done(u32 device, struct host_block_done *done, u32 max)
{
    (void)device, (void)done, (void)max;
    return -1;
}

static const struct host_table table = {clock_mono, clock_wall, receive, transmit, console, no_entropy,
                                        wait_until, guard,      ended,   no_block, no_done};

/* ---- the image -------------------------------------------------------------------------- */

static u8 *zeroes(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        give_up("no memory");
    return p;
}

static struct elf open_image(const char *path, int *fd)
{
    struct elf e;
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        give_up("there is no such image");
    const u8 *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, *fd, 0);
    if (file == MAP_FAILED || elf_decode(&e, (struct view){file, (size_t)st.st_size}) != OK)
        give_up("that is no image");
    return e;
}

/* Code is mapped from the file, so that tools know whose it is. */
static u8 *load(const struct elf *e, int fd)
{
    u8 *base = zeroes(e->span);
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &e->segments[i];
        u64 slack = s->address % ELF_PAGE;
        u8 *at = base + s->address - slack;
        if (s->flags & ELF_W)
            memcpy(at + slack, e->file.p + s->offset, s->file_n);
        else if (mmap(at, align_up(slack + s->file_n, ELF_PAGE),
                      PROT_READ | (s->flags & ELF_X ? PROT_EXEC : 0), MAP_PRIVATE | MAP_FIXED, fd,
                      (off_t)(s->offset - slack)) == MAP_FAILED)
            give_up("the image cannot be mapped");
    }
    struct elf_relocations it = elf_relocations_of(e);
    struct elf_relocation r;
    while (elf_relocation_next(&it, &r)) {
        u64 value = (u64)base + r.value;
        memcpy(base + r.at, &value, sizeof value);
    }
    return base;
}

int main(int argc, char **argv)
{
    static struct manifest_whole m;
    static struct host_key keys[MANIFEST_KEYS_MAX];
    const char *wrong;
    int fd;
    if (argc != 4)
        give_up("replay IMAGE REQUESTS IN_FLIGHT");
    struct elf e = open_image(argv[1], &fd);
    if (manifest_decode(&e, &m, &wrong) != OK || m.devices_n != 1)
        give_up("the image has not one network device");
    peer.is_echo = strcmp(m.about.name, "echo") == 0;
    peer.wanted = strtoull(argv[2], NULL, 10);
    peer.in_flight = (u32)strtoull(argv[3], NULL, 10);
    if (peer.in_flight < 1 || peer.in_flight > FLIGHT_MAX || peer.wanted < peer.in_flight)
        give_up("1 to 64 requests in flight, and at least as many in all");
    for (u32 i = 0; i < m.keys_n; i++) {
        const char *value = strcmp(m.keys[i].name, "ip") == 0 ? "10.88.1.2/24" : m.keys[i].fallback;
        keys[i] = (struct host_key){m.keys[i].name, value, strlen(m.keys[i].name), strlen(value)};
    }
    peer.window_n = (u64)m.devices[0].rx_kib * 1024;
    peer.window = zeroes(peer.window_n);
    struct host_device device = {.kind = DEVICE_NET,
                                 .features = NET_CSUM | NET_RX_CSUM | NET_TSO4 | NET_USO,
                                 .mtu = 1500,
                                 .rx_window = peer.window,
                                 .rx_window_n = peer.window_n};
    memcpy(device.mac, mac, sizeof mac);
    u64 memory_n = (u64)m.about.mem_kib * 1024;
    static struct host_boot boot;
    boot = (struct host_boot){.magic = HOST_MAGIC,
                              .abi = HOST_ABI,
                              .size = sizeof boot,
                              .table = &table,
                              .memory = zeroes(memory_n),
                              .memory_n = memory_n,
                              .bundle = e.bundle.p,
                              .bundle_n = e.bundle.n,
                              .keys = keys,
                              .keys_n = m.keys_n,
                              .devices = &device,
                              .devices_n = 1};
    u8 *base = load(&e, fd);
    void (*entry)(const struct host_boot *) = (void (*)(const struct host_boot *))(base + e.entry);
    entry(&boot);
}
