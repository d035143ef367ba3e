/* epoll PORT: the least that a Linux socket server can do for HTTP. One thread, one
 * fixed answer of 1 KiB to every request head, keep-alive, nothing parsed but the empty
 * line: what any server on sockets costs at least, for `make bench`. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY = 1024, FDS = 65536, EVENTS = 64, PIPELINED = 16 };

static char answers[PIPELINED * (BODY + 128)];
static size_t answer_n;
static uint8_t matched[FDS]; /* bytes of "\r\n\r\n" seen so far */

static size_t heads_in(const char *p, ssize_t n, uint8_t *state)
{
    size_t heads = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (p[i] == "\r\n\r\n"[*state])
            *state += 1;
        else
            *state = p[i] == '\r';
        if (*state == 4)
            heads++, *state = 0;
    }
    return heads;
}

static void serve(int fd)
{
    char request[8192];
    ssize_t n = read(fd, request, sizeof request);
    if (n < 0 && errno == EAGAIN)
        return;
    size_t heads = n > 0 ? heads_in(request, n, &matched[fd]) : 0;
    if (n <= 0 || heads > PIPELINED || (heads && write(fd, answers, heads * answer_n) < 0))
        close(fd);
}

static void welcome(int listener, int epoll)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        matched[fd % FDS] = 0;
        if (fd >= FDS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
            close(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "8080"))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[EVENTS];
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 4096) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) != 0) {
        perror("epoll");
        return 1;
    }
    int head_n =
        sprintf(answers, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", BODY);
    answer_n = (size_t)head_n + BODY;
    memset(answers + head_n, 'x', BODY);
    for (size_t i = 1; i < PIPELINED; i++)
        memcpy(answers + i * answer_n, answers, answer_n);
    for (;;) {
        int n = epoll_wait(epoll, ready, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (ready[i].data.fd == listener)
                welcome(listener, epoll);
            else
                serve(ready[i].data.fd);
    }
}
