/* The network of an ordinary user: passt, one process that turns the image's frames
 * into the host's own sockets. It is started here, gets one end of a socket pair and
 * ends by itself when the other end closes, however this process ends. The image sees
 * a small network of its own, the same on every machine:
 *   10.0.2.15/24 the image (by DHCP)   10.0.2.2 gateway   10.0.2.3 the host's resolver
 * Published ports are sockets of passt's. A peer on the host's loopback is seen as the
 * gateway, every other one under its own address. The host's loopback itself is closed to
 * the image (net_gate.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "host/process/net_gate.h"
#include "host/process/net_stream.h"

enum {
    PORTS_MAX = 64,
    USER_MTU = 9000,
    START_MS = 10000,     /* passt takes about 20 ms; a loaded machine more */
    TRY_NS = 10000000,
    PORT_TRIES = 30,      /* the passt of a pith that has just ended may still have the port */
    END_TRIES = 100,
    EARLY_BYTES = 8192,    /* of frames: about a hundred */
    QUEUE_BYTES = 1 << 20, /* asked for; the kernel grants up to twice net.core.wmem_max */
    CHILD_SOCKET = 3,
};

_Static_assert((int)STREAM_HEAD_BYTES >= (int)GATE_HEAD_BYTES, "the gate sees all that it looks at");

#define GUEST_MAC "\x02Pith\x01"
#define GATEWAY_MAC "02:50:69:74:68:02"

struct user_net {
    struct stream_net stream;
    struct gate gate;
    pid_t passt;
    bool addressed;        /* the image has an address */
    u32 early_n;
    u8 early[EARLY_BYTES]; /* SYNs that came before, as passt sent them */
};

extern char **environ;

/* 0, or why a socket cannot have the port now. */
static int try_port(const struct sockaddr_in *at, bool udp)
{
    int one = 1, s = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (s >= 0 && !udp)
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    int error = s < 0 || bind(s, (const struct sockaddr *)at, sizeof *at) != 0 ? errno : 0;
    if (s >= 0)
        close(s);
    return error;
}

/* Looks first whether a port can be had, because passt says less when it cannot. */
static bool port_is_free(const struct process_port *p, const struct refusal *r)
{
    const char *ip = p->host_ip ? p->host_ip : "127.0.0.1";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(p->host)};
    if (inet_pton(AF_INET, ip, &at.sin_addr) != 1) {
        refuse(r, "-p %s:%u:%u: not an IPv4 address, such as 127.0.0.1 or 0.0.0.0", ip, p->host, p->guest);
        return false;
    }
    int error = try_port(&at, p->udp);
    for (int i = 0; error == EADDRINUSE && i < PORT_TRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL);
        error = try_port(&at, p->udp);
    }
    const char *udp = p->udp ? "/udp" : "";
    const u32 other = p->host < 1024 ? p->host + 8000u : p->host < UINT16_MAX ? p->host + 1u : 8080u;
    if (error == EADDRINUSE)
        refuse(r, "port %u%s of %s is in use; publish another one: -p %u:%u%s", p->host, udp, ip, other,
               p->guest, udp);
    else if (error == EACCES)
        refuse(r, "port %u%s is kept for root; publish a higher one: -p %u:%u%s", p->host, udp, other,
               p->guest, udp);
    else if (error == EADDRNOTAVAIL)
        refuse(r, "-p %s:%u:%u: no interface here has the address %s", ip, p->host, p->guest, ip);
    else if (error)
        refuse(r, "port %u%s of %s: %s", p->host, udp, ip, strerror(error));
    return error == 0;
}

/* -u is always there, since passt publishes the UDP twins of TCP ports by itself. */
struct command_line {
    char *argv[24 + 2 * PORTS_MAX];
    char specs[PORTS_MAX][48]; /* 255.255.255.255/65535:65535 */
};

static void build_command_line(struct command_line *c, const struct process_port *ports, size_t n)
{
    static const char *const fixed[] = {
        "passt",       "--fd",      "3",         "--foreground", "--quiet",       "--ipv4-only",
        "--interface", "lo", /* only a template; works on a machine without a default route */
        "--address",   "10.0.2.15", "--netmask", "24",           "--gateway",     "10.0.2.2",
        "--mac-addr",  GATEWAY_MAC, "--mtu",     "9000",         "--dns-forward", "10.0.2.3"};
    size_t count = 0, udp = 0;
    for (size_t i = 0; i < COUNT(fixed); i++)
        c->argv[count++] = (char *)(uintptr_t)fixed[i];
    for (size_t i = 0; i < n; i++) {
        snprintf(c->specs[i], sizeof c->specs[i], "%s/%u:%u",
                 ports[i].host_ip ? ports[i].host_ip : "127.0.0.1", ports[i].host, ports[i].guest);
        c->argv[count++] = (char *)(uintptr_t)(ports[i].udp ? "-u" : "-t");
        c->argv[count++] = c->specs[i];
        udp += ports[i].udp;
    }
    if (udp == 0) {
        c->argv[count++] = (char *)(uintptr_t)"-u";
        c->argv[count++] = (char *)(uintptr_t)"none";
    }
    c->argv[count] = NULL;
}

/* In a session of its own, so that ^C on the terminal reaches the image only. */
static int spawn_passt(struct command_line *c, int socket_end, int log_end, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, log_end, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, socket_end, CHILD_SOCKET);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawnp(pid, "passt", &files, &attributes, c->argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* The last thing passt said that is about the failure. */
static void *explain_passt(int log, const struct refusal *r)
{
    char text[4096], *said = NULL;
    ssize_t n = read(log, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (!strstr(line, "to syslog") && !strstr(line, "Don't run as root") && !strstr(line, "nameserver"))
            said = line;
    return refuse(r, "--net user: passt did not start: %s", said ? said : "it gave no reason");
}

/* passt takes connections from its start, asks the image once and then waits ten seconds. So
 * who connects before the image has its address is kept until it has. */
static bool keep_early(struct user_net *u, const u8 *frame, u32 n)
{
    if (u->addressed || !gate_opens(frame, n) || LENGTH_BYTES + n > EARLY_BYTES - u->early_n)
        return false;
    u32 length = swap32(n);
    memcpy(u->early + u->early_n, &length, LENGTH_BYTES);
    memcpy(u->early + u->early_n + LENGTH_BYTES, frame, n);
    u->early_n += LENGTH_BYTES + n;
    return true;
}

/* Asks for the gateway's address: passt learns ours, and its answer says that it is up,
 * with every port bound. */
static bool passt_answers(struct user_net *u)
{
    static const u8 question[] = "\x00\x00\x00\x2a"
                                 "\xff\xff\xff\xff\xff\xff" GUEST_MAC "\x08\x06"
                                 "\x00\x01\x08\x00\x06\x04\x00\x01" GUEST_MAC "\x0a\x00\x02\x0f"
                                 "\x00\x00\x00\x00\x00\x00\x0a\x00\x02\x02";
    const int fd = u->stream.net.fd;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    u8 answer[FRAME_MAX];
    u32 n;
    if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) != (ssize_t)sizeof question - 1)
        return false;
    do {
        if (poll(&p, 1, START_MS) != 1 || recv(fd, &n, LENGTH_BYTES, MSG_WAITALL) != LENGTH_BYTES)
            return false;
        n = swap32(n);
        if (n > sizeof answer || recv(fd, answer, n, MSG_WAITALL) != (ssize_t)n)
            return false;
    } while (keep_early(u, answer, n));
    return true;
}

/* passt ends when its socket does; should it not, it is made to. */
static void end_passt(pid_t pid)
{
    for (int i = 0; i < END_TRIES; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static struct user_net *user_of(struct process_net *n)
{
    return CONTAINER(CONTAINER(n, struct stream_net, net), struct user_net, stream);
}

/* Between two frames of passt's, what was kept can come again. */
static bool early_due(const struct user_net *u)
{
    bool between = u->stream.from == u->stream.to && u->early_n <= u->stream.net.about.rx_window_n;
    return u->addressed && u->early_n > 0 && between;
}

static i64 user_rx(struct process_net *n, struct host_rx *frames, u32 max)
{
    struct user_net *u = user_of(n);
    const u8 *window = n->about.rx_window;
    if (early_due(u)) {
        memcpy(n->about.rx_window, u->early, u->early_n);
        u->stream.from = 0;
        u->stream.to = u->early_n;
        u->early_n = 0;
    }
    i64 got = stream_rx(n, frames, max), kept = 0;
    for (i64 i = 0; i < got; i++) {
        gate_hear(&u->gate, window + frames[i].offset, frames[i].n);
        if (keep_early(u, window + frames[i].offset, frames[i].n))
            kept++;
        else
            frames[i - kept] = frames[i];
    }
    return got - kept;
}

static bool user_pending(struct process_net *n)
{
    return early_due(user_of(n)) || stream_pending(n);
}

/* A frame that may not pass is lost, as on a network that forbids it. */
static bool passes(struct stream_net *s, const u8 *head, size_t n)
{
    struct user_net *u = CONTAINER(s, struct user_net, stream);
    u->addressed = u->addressed || gate_is_addressed(head, n);
    return gate_passes(&u->gate, head, n);
}

static void user_close(struct process_net *n)
{
    struct user_net *u = user_of(n);
    net_close_fd(n);
    if (u->passt > 0)
        end_passt(u->passt);
}

static const struct process_net_ops user_ops = {
    .rx = user_rx,
    .tx = stream_tx,
    .pending = user_pending,
    .full = stream_full,
    .close = user_close,
};

/* What passt sends while the image is busy waits in its socket; what does not fit is lost,
 * and a lost end of a burst costs it two seconds. So the socket is made large, and the
 * image told how large. */
static u32 enlarge_queue(int passt_end)
{
    int bytes = QUEUE_BYTES;
    socklen_t n = sizeof bytes;
    setsockopt(passt_end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (getsockopt(passt_end, SOL_SOCKET, SO_SNDBUF, &bytes, &n) != 0)
        return QUEUE_BYTES / 16;
    return (u32)bytes / 2; /* the kernel counts its own overhead, so it doubles what it is asked for */
}

/* passt on the other end of u's socket, or the reason why not. */
static bool start_passt(struct user_net *u, struct command_line *c, const struct refusal *r)
{
    int pair[2], log[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return refuse(r, "--net user: no socket: %s", strerror(errno)) != NULL;
    /* passt drops what its socket cannot take at once, and waits seconds before it sends that
     * again: room for a window of several connections. Best effort: net.core.wmem_max limits it. */
    const int room = 4 << 20;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    u->stream.net.fd = pair[0];
    u->stream.net.about.queue_bytes = enlarge_queue(pair[1]);
    if (pipe2(log, O_CLOEXEC | O_NONBLOCK) != 0) {
        close(pair[1]);
        return refuse(r, "--net user: no pipe: %s", strerror(errno)) != NULL;
    }
    int error = spawn_passt(c, pair[1], log[1], &u->passt);
    bool up = false;
    close(pair[1]);
    close(log[1]);
    if (error == ENOENT)
        refuse(r, "--net user: passt is not installed; as root: apt-get install passt");
    else if (error)
        refuse(r, "--net user: cannot start passt: %s", strerror(error));
    else if (!(up = passt_answers(u)))
        explain_passt(log[0], r);
    close(log[0]); /* what it says from now on is lost; SIGPIPE it ignores, as this process does */
    return up;
}

struct process_net *net_user_open(const struct process_port *ports, size_t n, const struct refusal *r)
{
    if (n > PORTS_MAX)
        return refuse(r, "-p: at most %d published ports", PORTS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!port_is_free(&ports[i], r))
            return NULL;

    struct command_line c;
    build_command_line(&c, ports, n);
    struct user_net *u = calloc(1, sizeof *u);
    if (!u)
        return refuse(r, "no memory for a network device");
    stream_init(&u->stream, -1);
    struct process_net *net = &u->stream.net;
    net->ops = &user_ops;
    net->about = (struct host_device){.mtu = USER_MTU};
    memcpy(net->about.mac, GUEST_MAC, sizeof net->about.mac);
    u->stream.passes = passes;
    u->stream.rx_flags = NET_DATA_VALID; /* a socket on this machine does not change bits */
    if (!start_passt(u, &c, r) || fcntl(net->fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        user_close(net);
        free(u);
        return NULL;
    }
    signal(SIGCHLD, SIG_IGN); /* leaves no zombie should passt end first */
    return net;
}
