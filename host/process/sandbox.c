/* Gives everything up but the devices: descriptors, privileges, files, processes,
 * and at last all system calls but those of tool/filter.c. Each step only takes
 * away; one that an older kernel lacks is covered by the filter, which is not
 * optional. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <linux/seccomp.h>

#include "base/num.h"
#include "host/process/internal.h"

static bool refuse(char *error, size_t error_n, const char *what)
{
    snprintf(error, error_n, "the sandbox could not be closed: %s: %m", what);
    return false;
}

/* SIGTERM and SIGINT. The first asks the image to end; the second does not ask. By
 * setting the time of a sleep that is about to begin to zero it wakes wait_for in
 * every case. */
static void on_stop(int signal)
{
    if (process.stops++ > 0)
        _exit(128 + signal);
    process.stop_unseen = 1;
    process.sleep = (struct timespec){0};
}

/* What whoever started this had ignored (nohup, a job in the background) stays ignored. */
static bool handle_stop(int signal)
{
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_ONSTACK | SA_RESTART}, before;
    return sigaction(signal, &stop, &before) == 0 &&
           (before.sa_handler != SIG_IGN || sigaction(signal, &before, NULL) == 0);
}

/* On a stack of their own: the image's stacks are small, and may be what broke. One of them
 * may come while another is handled (process_report); for a core file each ends the second time. */
static bool handle_signals(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
    const stack_t alternate = {.ss_sp = process_signal_stack, .ss_size = sizeof process_signal_stack};
    struct sigaction crash = {.sa_sigaction = process_crashed,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER |
                                          (process.core ? (int)SA_RESETHAND : 0)};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    bool done = sigaltstack(&alternate, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0;
    for (size_t i = 0; i < COUNT(crashes) && done; i++)
        done = sigaction(crashes[i], &crash, NULL) == 0;
    return done && handle_stop(SIGTERM) && handle_stop(SIGINT);
}

/* A descriptor and its place. */
struct place {
    int *fd;
    int number;
};

enum { PLACES_MAX = 2 + 3 * PROCESS_DEVICES_MAX };

static size_t find_places(struct place places[PLACES_MAX], int *keep, int *debug)
{
    size_t n = 0;
    places[n++] = (struct place){keep, PROCESS_FD_EXTRA};
    places[n++] = (struct place){debug, PROCESS_FD_DEBUG};
    for (u32 i = 0; i < process.devices_n; i++) {
        struct process_net *net = process.nets[i];
        struct process_block *block = process.blocks[i];
        if (net) {
            places[n++] = (struct place){&net->fd, PROCESS_FD_DEVICES + (int)i};
            places[n++] = (struct place){&net->pcap_fd, PROCESS_FD_CAPTURES + (int)i};
        } else if (block) {
            places[n++] = (struct place){&block->done, PROCESS_FD_DEVICES + (int)i};
            places[n++] = (struct place){&block->doorbell, PROCESS_FD_CAPTURES + (int)i};
            places[n++] = (struct place){&block->file, PROCESS_FD_FILES + (int)i};
        }
    }
    return n;
}

/* First all out of the way, then each to its place; the rest is closed. */
static bool number_descriptors(int keep, int debug)
{
    struct place places[PLACES_MAX];
    bool used[PROCESS_FD_FILES + PROCESS_DEVICES_MAX] = {[STDOUT_FILENO] = true, [STDERR_FILENO] = true};
    size_t n = find_places(places, &keep, &debug);
    int rest = STDERR_FILENO + 1;
    for (size_t i = 0; i < n; i++)
        if (*places[i].fd >= 0 && (*places[i].fd = fcntl(*places[i].fd, F_DUPFD, (int)COUNT(used))) < 0)
            return false;
    for (size_t i = 0; i < n; i++) {
        if (*places[i].fd < 0)
            continue;
        *places[i].fd = dup2(*places[i].fd, places[i].number);
        used[places[i].number] = true;
        rest = MAX(rest, places[i].number + 1);
    }
    for (int fd = 0; fd < rest; fd++)
        if (!used[fd])
            close(fd);
    return syscall(SYS_close_range, (unsigned)rest, ~0u, 0) == 0;
}

/* Before the limits, which allow no thread. */
static bool start_disks(void)
{
    for (u32 i = 0; i < process.devices_n; i++)
        if (process.blocks[i] && !process_block_start(process.blocks[i]))
            return false;
    return true;
}

/* RLIMIT_FSIZE stays: the console may be a file, and a full one is the user's. */
static bool limit(const struct process_plan *plan)
{
    const struct rlimit none = {0}, fds = {PROCESS_FD_END, PROCESS_FD_END};
    return setrlimit(RLIMIT_NPROC, &none) == 0 && setrlimit(RLIMIT_NOFILE, &fds) == 0 &&
           (plan->core || setrlimit(RLIMIT_CORE, &none) == 0);
}

/* No file can be named any more. Kernels without Landlock, or with it turned off,
 * rely on the filter alone; those before 6.2 know fewer rights, and refuse the rest.
 * The ruleset's descriptor is closed with all others. */
static void deny_files(void)
{
    static const u64 rights_of_abi[] = {(1 << 15) - 1, (1 << 14) - 1, (1 << 13) - 1};
    for (size_t i = 0; i < COUNT(rights_of_abi); i++) {
        long rules = syscall(SYS_landlock_create_ruleset, &rights_of_abi[i], sizeof(u64), 0);
        if (rules >= 0) {
            syscall(SYS_landlock_restrict_self, rules, 0);
            return;
        }
    }
}

bool process_seal(const struct process_plan *plan, const struct sandbox *sandbox, char *error, size_t error_n)
{
    const struct sock_fprog program = {(u16)sandbox->filter_n, (struct sock_filter *)sandbox->filter};
    if (!handle_signals())
        return refuse(error, error_n, "signal handlers");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refuse(error, error_n, "no_new_privs");
    /* The kernel writes a core file with this process's own rights. */
    if (!plan->core)
        deny_files();
    if (!number_descriptors(sandbox->keep, sandbox->debug))
        return refuse(error, error_n, "descriptors");
    if (!start_disks())
        return refuse(error, error_n, "the threads of a disk");
    if (!limit(plan))
        return refuse(error, error_n, "resource limits");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return refuse(error, error_n, "seccomp (a kernel with CONFIG_SECCOMP_FILTER is needed)");
    return true;
}
