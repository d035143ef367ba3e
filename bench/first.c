/* first CLIENT-NETNS SERVER-NETNS CPU IP PORT COMMAND …: how long a server takes from
 * its exec to its first answer. Starts COMMAND in one network namespace on one CPU,
 * asks for / from the other until it gets a 200, prints the microseconds since the
 * exec, and ends the server. A lost first SYN would cost a second, so a new connection
 * is tried every 20 µs until one of them answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 64, PAUSE_NS = 20000 };
static const uint64_t GIVE_UP_NS = 5000000000u;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void enter(const char *netns)
{
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
        perror(path);
        _exit(1);
    }
    close(fd);
}

/* vfork: the child's `started` is the parent's, written just before the exec. */
static pid_t start(const char *netns, int cpu, char **command, volatile uint64_t *started)
{
    pid_t pid = vfork();
    if (pid == 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
        enter(netns);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        *started = now_ns();
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    return pid;
}

static int try_to_connect(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

/* True when the server at the other end of a connected socket answers with a 200. */
static int answers_200(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: first\r\n\r\n";
    char answer[16] = {0};
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (write(fd, request, sizeof request - 1) < 0 || poll(&readable, 1, 1000) != 1)
        return 0;
    return read(fd, answer, sizeof answer - 1) >= 12 && memcmp(answer + 8, " 200", 4) == 0;
}

/* The time of the first 200, or 0. */
static uint64_t first_answer(const struct sockaddr_in *to)
{
    struct pollfd tries[TRIES];
    for (int i = 0; i < TRIES; i++)
        tries[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
    uint64_t begin = now_ns(), tried = 0;
    int oldest = 0;
    for (uint64_t now = begin; now - begin < GIVE_UP_NS; now = now_ns()) {
        if (now - tried >= PAUSE_NS) {
            if (tries[oldest].fd >= 0)
                close(tries[oldest].fd);
            tries[oldest].fd = try_to_connect(to);
            oldest = (oldest + 1) % TRIES;
            tried = now;
        }
        if (poll(tries, TRIES, 0) <= 0)
            continue;
        for (int i = 0; i < TRIES; i++) {
            if (tries[i].fd < 0 || tries[i].revents == 0)
                continue;
            if (!(tries[i].revents & (POLLERR | POLLHUP)) && answers_200(tries[i].fd))
                return now_ns();
            close(tries[i].fd);
            tries[i].fd = -1;
        }
    }
    return 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGTERM);
    for (int i = 0; i < 200; i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return;
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: first CLIENT-NETNS SERVER-NETNS CPU IP PORT COMMAND …\n");
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[5]))};
    inet_pton(AF_INET, argv[4], &to.sin_addr);
    enter(argv[1]);
    volatile uint64_t started = 0;
    pid_t pid = start(argv[2], atoi(argv[3]), argv + 6, &started);
    uint64_t answered = first_answer(&to);
    end(pid);
    if (answered == 0) {
        fprintf(stderr, "first: no 200 from %s\n", argv[6]);
        return 1;
    }
    printf("%.1f\n", (double)(answered - started) / 1000);
    return 0;
}
