#include "pith/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "pith/command.h"
#include "pith/metal_file.h"
#include "pith/relay.h"
#include "pith/retell.h"
#include "pith/spawn.h"

#define QEMU "qemu-system-x86_64"

enum {
    WORDS_MAX = 80,
    TEXT_MAX = 8192,
    OUTPUT_BYTES = 4096,
    FIXED_POLLS = 3,
    STOP_BYTE = 3, /* ^C on the console, which host/metal/serial.c listens for */
    NOT_STARTED = 127,
};

/* QEMU's command line. */
struct words {
    char *w[WORDS_MAX];
    size_t n;
    char text[TEXT_MAX];
    size_t text_n;
};

/* The machine while it runs. The console is a socket to its serial port; on the control
 * socket comes what belongs on standard error, then a zero and the exit code. */
struct machine {
    pid_t pid;
    int file, console, control, signals;
    int theirs[PROCESS_DEVICES_MAX + 3]; /* descriptors that QEMU inherits */
    size_t theirs_n;
    struct relay relays[PROCESS_DEVICES_MAX];
    size_t relays_n;
    u8 output[OUTPUT_BYTES]; /* of the console, on its way to standard output */
    size_t output_from, output_n;
    u8 report[OUTPUT_BYTES / 4]; /* a line for standard error that has not ended yet */
    size_t report_n;
    struct elf debug;
    struct report_names names; /* for crash reports */
    bool ending;             /* the zero has come */
    int code;                /* -1: none yet */
    unsigned stops;
};

static void add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->text + w->text_n, TEXT_MAX - w->text_n, format, args);
    va_end(args);
    must(n >= 0 && (size_t)n < TEXT_MAX - w->text_n && w->n + 1 < WORDS_MAX);
    w->w[w->n++] = w->text + w->text_n;
    w->text_n += (size_t)n + 1;
}

static void refuse(char *error, size_t error_n, const char *what)
{
    snprintf(error, error_n, "--host qemu: %s: %s", what, strerror(errno));
}

/* ---- what QEMU is told ----------------------------------------------------------------- */

static bool is_microvm(const struct process_plan *plan)
{
    return !plan->machine || strcmp(plan->machine, "microvm") == 0;
}

/* KVM where it can be used, else QEMU's own translator. */
static const char *accelerator(const struct process_plan *plan)
{
    return plan->accel ? plan->accel : access("/dev/kvm", R_OK | W_OK) == 0 ? "kvm" : "tcg";
}

/* The least that each machine has: microvm without ACPI starts from QEMU's small firmware. */
static void add_machine(struct words *w, const struct process_plan *plan, const struct machine *m)
{
    const char *accel = accelerator(plan);
    add(w, "-M");
    if (is_microvm(plan))
        add(w, "microvm,acpi=off,pit=off,pic=off,rtc=on,x-option-roms=off");
    else
        /* With the kernel's own interrupt controllers, messages of devices got lost. */
        add(w, "q35,smm=off,usb=off,sata=off,smbus=off%s",
            strcmp(accel, "kvm") == 0 ? ",kernel-irqchip=split" : "");
    add(w, "-accel");
    add(w, "%s", accel);
    add(w, "-cpu"); /* one of its registers cannot be set on some hosts, and tells nothing of use */
    add(w, "%s", strcmp(accel, "kvm") == 0 ? "host,-arch-capabilities" : "max");
    add(w, "-m");
    add(w, "%llu", (unsigned long long)MAX(metal_file_memory_mib(plan), is_microvm(plan) ? (u64)4 : (u64)8));
    add(w, "-kernel");
    add(w, "/proc/self/fd/%d", m->file);
}

/* The file is open already; QEMU is given the descriptor, as a file of /proc. */
static void add_disk(struct words *w, const struct process_plan *plan, size_t i)
{
    const struct process_block *b = plan->devices[i].block;
    add(w, "-blockdev");
    add(w,
        "driver=raw,node-name=disk%zu,discard=unmap,read-only=%s,file.driver=%s,file.locking=off,"
        "file.filename=/proc/self/fd/%d",
        i, b->read_only ? "on" : "off", b->is_device ? "host_device" : "file", b->file);
    add(w, "-device");
    add(w, "virtio-blk-%s,drive=disk%zu,logical_block_size=%u", is_microvm(plan) ? "device" : "pci", i,
        b->about.block_bytes);
}

static void add_net(struct words *w, const struct process_plan *plan, size_t i, bool direct, int fd)
{
    const struct host_device *d = &plan->devices[i].net->about;
    add(w, "-netdev");
    if (direct)
        add(w, "tap,id=net%zu,fd=%d", i, fd);
    else
        add(w, "stream,id=net%zu,addr.type=fd,addr.str=%d", i, fd);
    add(w, "-device");
    add(w, "virtio-net-%s,netdev=net%zu,mac=%02x:%02x:%02x:%02x:%02x:%02x,host_mtu=%u",
        is_microvm(plan) ? "device" : "pci,romfile=", i, d->mac[0], d->mac[1], d->mac[2], d->mac[3],
        d->mac[4], d->mac[5], d->mtu);
}

static void add_rest(struct words *w, const struct process_plan *plan, int console, int control)
{
    static const char *const fixed[] = {"-nodefaults",
                                        "-no-user-config",
                                        "-display",
                                        "none",
                                        "-no-reboot",
                                        "-global",
                                        "virtio-mmio.force-legacy=off",
                                        "-sandbox",
                                        "on,obsolete=deny,elevateprivileges=deny,spawn=deny"};
    for (size_t i = 0; i < COUNT(fixed); i++)
        add(w, "%s", fixed[i]);
    add(w, "-chardev");
    add(w, "socket,id=console,fd=%d", console);
    add(w, "-serial");
    add(w, "chardev:console");
    add(w, "-chardev");
    add(w, "socket,id=control,fd=%d", control);
    add(w, "-device");
    add(w, "isa-debugcon,iobase=0xe9,chardev=control");
    add(w, "-device");
    add(w, "virtio-rng-%s", is_microvm(plan) ? "device" : "pci");
}

/* ---- starting --------------------------------------------------------------------------- */

/* A connection of which QEMU inherits the other end; -1: none. */
static int connect_qemu(struct machine *m, int *theirs)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    *theirs = m->theirs[m->theirs_n++] = pair[1];
    return pair[0];
}

/* QEMU knows how to use a tap interface, unless its frames are to be captured on the way. */
static bool goes_direct(const struct process_net *n)
{
    struct stat st;
    return n->pcap_fd < 0 && fstat(n->fd, &st) == 0 && S_ISCHR(st.st_mode);
}

static bool add_devices(struct machine *m, struct words *w, const struct process_plan *plan)
{
    for (size_t i = 0; i < plan->devices_n; i++) {
        struct process_net *n = plan->devices[i].net;
        if (plan->devices[i].block) {
            m->theirs[m->theirs_n++] = plan->devices[i].block->file;
            add_disk(w, plan, i);
            continue;
        }
        int theirs = n->fd;
        bool direct = goes_direct(n);
        if (direct) {
            m->theirs[m->theirs_n++] = n->fd;
        } else {
            int ours = connect_qemu(m, &theirs);
            if (ours < 0 || !relay_init(&m->relays[m->relays_n++], n, ours))
                return false;
        }
        add_net(w, plan, i, direct, theirs);
    }
    return true;
}

/* In the child: QEMU in a session of its own, so that ^C on the terminal reaches the image
 * only, and gone when this process is, however it ends. */
noreturn_ static void become_qemu(const struct machine *m, struct words *w, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    for (size_t i = 0; i < m->theirs_n; i++)
        fcntl(m->theirs[i], F_SETFD, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(NOT_STARTED);
    w->w[w->n] = NULL;
    execvp(w->w[0], w->w);
    _exit(NOT_STARTED);
}

static bool has_qemu(void)
{
    const char *path = getenv("PATH");
    char file[4096];
    for (path = path ? path : "/usr/bin"; *path; path += strspn(path, ":")) {
        int n = (int)strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", n, path, QEMU);
        if (access(file, X_OK) == 0)
            return true;
        path += n;
    }
    return false;
}

static int watch_signals(void)
{
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGCHLD);
    signal(SIGCHLD, SIG_DFL); /* net_user.c ignores it, and ignored children leave no exit code */
    signal(SIGPIPE, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &watched, NULL) == 0 ? signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK)
                                                       : -1;
}

static bool start(struct machine *m, const struct process_plan *plan, char *error, size_t error_n)
{
    struct words w = {0};
    int console = -1, control = -1;
    m->file = memory_file("pith");
    if (m->file < 0 || metal_file_write(plan, plan->name, m->file) != EXIT_OK) {
        snprintf(error, error_n, "--host qemu: no memory for its file");
        return false;
    }
    m->theirs[m->theirs_n++] = m->file;
    m->console = connect_qemu(m, &console);
    m->control = m->console < 0 ? -1 : connect_qemu(m, &control);
    m->signals = watch_signals();
    if (m->control < 0 || m->signals < 0) {
        refuse(error, error_n, "no socket");
        return false;
    }
    add(&w, QEMU);
    add_machine(&w, plan, m);
    add_rest(&w, plan, console, control);
    if (!add_devices(m, &w, plan)) {
        refuse(error, error_n, "no network");
        return false;
    }
    pid_t self = getpid();
    m->pid = fork();
    if (m->pid == 0)
        become_qemu(m, &w, self);
    for (size_t i = 0; i < m->theirs_n; i++)
        close(m->theirs[i]);
    if (m->pid < 0)
        refuse(error, error_n, "no process");
    return m->pid > 0;
}

/* ---- running ----------------------------------------------------------------------------- */

/* What nobody reads now waits; meanwhile nothing more is taken from the machine. */
static void pass_output(struct machine *m)
{
    if (m->output_n == 0) {
        ssize_t n = recv(m->console, m->output, sizeof m->output, MSG_DONTWAIT);
        m->output_from = 0;
        m->output_n = n > 0 ? (size_t)n : 0;
    }
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (m->output_n == 0 || poll(&ready, 1, 0) != 1)
        return;
    ssize_t n = write(STDOUT_FILENO, m->output + m->output_from, MIN(m->output_n, (size_t)512));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    size_t done = n < 0 ? m->output_n : (size_t)n; /* nobody will ever read it */
    m->output_from += done;
    m->output_n -= done;
}

/* Reports come from a machine that has no debug information: the lines are told here. */
static void take_report(struct machine *m, struct view text)
{
    for (; text.n > 0; text = view_from(text, 1)) {
        bool ends = view_at(text, 0) == '\n';
        if (!ends)
            m->report[m->report_n++] = view_at(text, 0);
        if (ends || m->report_n == sizeof m->report) {
            retell_line(&m->names, stderr, (struct view){m->report, m->report_n});
            m->report_n = 0;
        }
    }
}

static void take_control(struct machine *m)
{
    u8 text[OUTPUT_BYTES];
    ssize_t n = recv(m->control, text, sizeof text, MSG_DONTWAIT);
    struct view v = {text, n > 0 ? (size_t)n : 0};
    if (v.n > 0 && !m->ending) {
        size_t end = view_find(v, 0);
        take_report(m, view_first(v, end));
        m->ending = end < v.n;
        v = view_from(v, MIN(end + 1, v.n));
    }
    if (m->ending && v.n > 0 && m->code < 0)
        m->code = view_at(v, 0);
}

/* Whether QEMU is still there. */
static bool take_signals(struct machine *m)
{
    struct signalfd_siginfo s;
    while (read(m->signals, &s, sizeof s) == sizeof s) {
        if (s.ssi_signo == SIGCHLD) {
            if (waitpid(m->pid, NULL, WNOHANG) == m->pid)
                return false;
        } else if (m->stops++ == 0) {
            const u8 stop = STOP_BYTE;
            (void)!send(m->console, &stop, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            kill(m->pid, SIGKILL);
            waitpid(m->pid, NULL, 0);
            _exit(128 + (int)s.ssi_signo);
        }
    }
    return true;
}

/* A device whose other side is gone ends the machine; net_gone has said so. Once the exit
 * code has come, QEMU is about to go itself. */
static bool run_relays(struct machine *m)
{
    for (size_t i = 0; i < m->relays_n && m->code < 0; i++)
        if (!relay_run(&m->relays[i]))
            return false;
    return true;
}

static void turn(struct machine *m)
{
    struct pollfd fds[FIXED_POLLS + 2 * PROCESS_DEVICES_MAX] = {
        {.fd = m->output_n > 0 ? STDOUT_FILENO : m->console, .events = m->output_n > 0 ? POLLOUT : POLLIN},
        {.fd = m->ending && m->code >= 0 ? -1 : m->control, .events = POLLIN},
        {.fd = m->signals, .events = POLLIN},
    };
    size_t relays_n = m->code < 0 ? m->relays_n : 0;
    for (size_t i = 0; i < relays_n; i++)
        relay_poll(&m->relays[i], fds + FIXED_POLLS + 2 * i);
    poll(fds, FIXED_POLLS + 2 * relays_n, -1);
    if (fds[1].revents)
        take_control(m);
    if (fds[0].revents)
        pass_output(m);
}

/* What was said before the end. */
static void drain(struct machine *m)
{
    enum { TRIES = 1000, WAIT_NS = 1000000 };
    take_control(m);
    for (int i = 0; i < TRIES; i++) {
        size_t before = m->output_n;
        pass_output(m);
        if (m->output_n == 0 && before == 0)
            return;
        if (m->output_n == before)
            nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
}

void qemu_run(const struct process_plan *plan, char *error, size_t error_n)
{
    static struct machine m;
    bool there = true;
    m.code = -1;
    if (!has_qemu()) {
        snprintf(error, error_n,
                 "--host qemu: " QEMU " is not installed; as root: apt-get install "
                 "qemu-system-x86");
        return;
    }
    if (!start(&m, plan, error, error_n))
        return;
    bool has_debug = plan->debug.n > 0 && elf_decode(&m.debug, plan->debug) == OK;
    m.names = report_names_of(plan->elf, has_debug ? &m.debug : NULL);
    while (there) {
        turn(&m);
        there = take_signals(&m);
        if (there && !run_relays(&m)) {
            kill(m.pid, SIGKILL);
            waitpid(m.pid, NULL, 0);
            there = false;
        }
    }
    drain(&m);
    if (m.code < 0)
        snprintf(error, error_n, "QEMU ended before the appliance did");
    else
        _exit(m.code);
}
