/* udp client IP PORT SECONDS WINDOW: keeps WINDOW 64-byte datagrams on their way to an
 * echo server and prints how many came back a second.
 * udp server PORT: the peer, an echo on a socket in bursts, the floor of Linux sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BURST = 32, SIZE = 64, ROOM = 2048 };

struct burst {
    struct mmsghdr messages[BURST];
    struct iovec pieces[BURST];
    struct sockaddr_in peers[BURST];
    char bytes[BURST][ROOM];
};

static void burst_init(struct burst *b, size_t n)
{
    memset(b, 0, sizeof *b);
    for (int i = 0; i < BURST; i++) {
        b->pieces[i] = (struct iovec){b->bytes[i], n};
        b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->peers[i],
                                                 .msg_namelen = sizeof b->peers[i],
                                                 .msg_iov = &b->pieces[i],
                                                 .msg_iovlen = 1};
    }
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int serve(const char *port)
{
    static struct burst b;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        perror("udp: bind");
        return 1;
    }
    for (;;) {
        burst_init(&b, ROOM);
        int n = recvmmsg(fd, b.messages, BURST, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++)
            b.pieces[i].iov_len = b.messages[i].msg_len;
        if (n > 0)
            sendmmsg(fd, b.messages, (unsigned)n, 0);
    }
}

static int ask(const char *ip, const char *port, double seconds, long window)
{
    static struct burst out, in;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    inet_pton(AF_INET, ip, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("udp: connect");
        return 1;
    }
    burst_init(&out, SIZE);
    burst_init(&in, ROOM);
    for (int i = 0; i < BURST; i++)
        out.messages[i].msg_hdr.msg_name = in.messages[i].msg_hdr.msg_name = NULL;
    long flying = 0, sent = 0, back = 0;
    double begin = now_s(), end = begin + seconds;
    while (now_s() < end) {
        long more = window - flying < BURST ? window - flying : BURST;
        int n = more > 0 ? sendmmsg(fd, out.messages, (unsigned)more, 0) : 0;
        if (n > 0) {
            sent += n;
            flying += n;
        }
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (flying >= window && poll(&readable, 1, 10) == 0)
            flying = 0; /* lost on the way: not waited for any longer */
        n = recvmmsg(fd, in.messages, BURST, MSG_DONTWAIT, NULL);
        if (n > 0) {
            back += n;
            flying = flying > n ? flying - n : 0;
        }
    }
    printf("{\"sent\": %ld, \"answered\": %ld, \"seconds\": %.3f}\n", sent, back, now_s() - begin);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "server") == 0)
        return serve(argv[2]);
    if (argc == 6 && strcmp(argv[1], "client") == 0)
        return ask(argv[2], argv[3], atof(argv[4]), atol(argv[5]));
    fprintf(stderr, "usage: udp server PORT | udp client IP PORT SECONDS WINDOW\n");
    return 2;
}
