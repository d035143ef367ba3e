/* tap NAME IP: the least that an HTTP answer over a tap interface can cost, and an echo
 * of UDP: no TCP state at all. Sequence numbers come from the segment that is answered, so
 * it works on a network that loses nothing, which is what `make bench` measures on. Every
 * segment with data gets one answer of 1 KiB; reads until EAGAIN, spins 20 us, then polls. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>

enum { BODY = 1024, ROOM = 70000, SPIN_NS = 20000 };

struct arp {
    struct arphdr head;
    uint8_t from_mac[6], from_ip[4], to_mac[6], to_ip[4];
} __attribute__((packed));

/* A frame as read and written; the answer is made of the question. */
struct frame {
    struct virtio_net_hdr head;
    struct ethhdr eth;
    struct iphdr ip;
    union {
        struct tcphdr tcp;
        struct udphdr udp;
        uint8_t rest[ROOM];
    };
} __attribute__((packed));

static const uint8_t mac[6] = {0x02, 'f', 'l', 'o', 'o', 'r'};
static char answer[BODY + 128];
static size_t answer_n;

static uint32_t sum16(const void *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i += 2)
        sum += *(const uint16_t *)((const uint8_t *)p + i);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Turns addresses around; what follows the IP header is `n` bytes, its checksum the
 * interface's work. */
static size_t turn_around(struct frame *f, size_t n, uint16_t checksum_at)
{
    uint32_t from = f->ip.saddr;
    memcpy(f->eth.h_dest, f->eth.h_source, 6);
    memcpy(f->eth.h_source, mac, 6);
    f->ip.saddr = f->ip.daddr;
    f->ip.daddr = from;
    f->ip.tot_len = htons((uint16_t)(sizeof f->ip + n));
    f->ip.check = 0;
    f->ip.check = (uint16_t)~fold(sum16(&f->ip, sizeof f->ip, 0));
    f->head = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                      .csum_start = sizeof f->eth + sizeof f->ip,
                                      .csum_offset = checksum_at};
    uint16_t pseudo = fold(sum16(&f->ip.saddr, 8, htons(f->ip.protocol) + htons((uint16_t)n)));
    memcpy(f->rest + checksum_at, &pseudo, 2);
    return sizeof f->head + sizeof f->eth + sizeof f->ip + n;
}

static size_t answer_tcp(struct frame *f)
{
    const size_t head_n = f->tcp.doff * 4u, data_n = ntohs(f->ip.tot_len) - sizeof f->ip - head_n;
    const struct tcphdr in = f->tcp;
    size_t out_n = 0;
    if (in.rst || (!in.syn && !in.fin && data_n == 0))
        return 0;
    f->tcp = (struct tcphdr){.source = in.dest, .dest = in.source, .doff = 5, .ack = 1, .window = 0xffff};
    f->tcp.syn = in.syn;
    f->tcp.fin = in.fin;
    f->tcp.psh = data_n > 0;
    f->tcp.seq = in.syn ? htonl(1) : in.ack_seq;
    f->tcp.ack_seq = htonl(ntohl(in.seq) + (uint32_t)data_n + in.syn + in.fin);
    if (data_n > 0) {
        memcpy(f->rest + sizeof f->tcp, answer, answer_n);
        out_n = answer_n;
    }
    return turn_around(f, sizeof f->tcp + out_n, offsetof(struct tcphdr, check));
}

static size_t answer_udp(struct frame *f)
{
    const uint16_t port = f->udp.source;
    f->udp.source = f->udp.dest;
    f->udp.dest = port;
    return turn_around(f, ntohs(f->udp.len), offsetof(struct udphdr, check));
}

static size_t answer_arp(struct frame *f, uint32_t own_ip)
{
    struct arp *a = (struct arp *)&f->ip;
    if (memcmp(a->to_ip, &own_ip, 4) != 0 || a->head.ar_op != htons(ARPOP_REQUEST))
        return 0;
    a->head.ar_op = htons(ARPOP_REPLY);
    memcpy(a->to_mac, a->from_mac, 10);
    memcpy(a->from_mac, mac, 6);
    memcpy(a->from_ip, &own_ip, 4);
    memcpy(f->eth.h_dest, a->to_mac, 6);
    memcpy(f->eth.h_source, mac, 6);
    memset(&f->head, 0, sizeof f->head);
    return sizeof f->head + sizeof f->eth + sizeof *a;
}

static size_t answer_frame(struct frame *f, uint32_t own_ip)
{
    if (f->eth.h_proto == htons(ETH_P_ARP))
        return answer_arp(f, own_ip);
    if (f->eth.h_proto != htons(ETH_P_IP) || f->ip.daddr != own_ip || f->ip.ihl != 5)
        return 0;
    return f->ip.protocol == IPPROTO_TCP ? answer_tcp(f) : f->ip.protocol == IPPROTO_UDP ? answer_udp(f) : 0;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv)
{
    static struct frame f;
    struct ifreq interface = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    if (argc != 3 || strlen(argv[1]) >= sizeof interface.ifr_name) {
        fprintf(stderr, "usage: tap NAME IP\n");
        return 2;
    }
    strcpy(interface.ifr_name, argv[1]);
    const uint32_t own_ip = inet_addr(argv[2]);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &interface) != 0 || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM) != 0) {
        perror("tap");
        return 1;
    }
    answer_n = (size_t)sprintf(
        answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", BODY);
    memset(answer + answer_n, 'x', BODY);
    answer_n += BODY;
    for (int64_t traffic = 0;;) {
        size_t n = 0;
        while (read(fd, &f, sizeof f) > 0) {
            n++;
            size_t out = answer_frame(&f, own_ip);
            if (out > 0 && write(fd, &f, out) < 0)
                perror("tap: write");
        }
        int64_t now = now_ns();
        if (n > 0)
            traffic = now;
        else if (now - traffic > SPIN_NS)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    }
}
