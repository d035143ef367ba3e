/* The host's functions: direct system calls. The image shares this address space,
 * so a wrong pointer in it faults here or in the kernel (EFAULT) and does no more
 * harm than the image could do itself; numbers of devices and counts are checked. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "host/process/internal.h"
#include "sig/idle.h"

enum {
    BURST_MAX = 1024,
    CLOCK_CALLS_FIRST = 30,
    CONSOLE_PATIENCE_MS = 1000,
    ENTROPY_MAX = 256,
    SPIN_FRAMES = 2,    /* between two waits, on the average: more are bursts */
    SPIN_MEMORY = 8,    /* waits that the average looks back on */
    SPIN_GAPS = 10,     /* times the length of a spin: soon */
};

/* The first calls go to the kernel: finding and touching the vDSO costs as much as
 * thirty of them, which an image that soon ends never earns back. */
static u64 now_ns(clockid_t clock)
{
    struct timespec t;
    if (likely(process.clock_calls == CLOCK_CALLS_FIRST)) {
        clock_gettime(clock, &t);
    } else {
        process.clock_calls++;
        syscall(SYS_clock_gettime, clock, &t);
    }
    return (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec;
}

static u64 clock_mono(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

static u64 clock_wall(void)
{
    return now_ns(CLOCK_REALTIME);
}

static struct process_net *net_of(u32 device)
{
    return device < process.devices_n ? process.nets[device] : NULL;
}

static i64 net_rx(u32 device, struct host_rx *frames, u32 max)
{
    struct process_net *n = net_of(device);
    if (!n)
        return -1;
    i64 got = n->ops->rx(n, frames, MIN(max, (u32)BURST_MAX));
    process.frames += (u64)MAX(got, (i64)0);
    return got;
}

static i64 net_tx(u32 device, const struct host_tx *frames, u32 count)
{
    struct process_net *n = net_of(device);
    return n ? n->ops->tx(n, frames, MIN(count, (u32)BURST_MAX)) : -1;
}

static struct process_block *block_of(u32 device)
{
    return device < process.devices_n ? process.blocks[device] : NULL;
}

static i64 block_submit(u32 device, const struct host_block *requests, u32 n)
{
    struct process_block *b = block_of(device);
    return b ? process_block_submit(b, requests, n) : -1;
}

static i64 block_reap(u32 device, struct host_block_done *done, u32 max)
{
    struct process_block *b = block_of(device);
    return b ? process_block_reap(b, done, max) : -1;
}

/* Whether the console takes PIPE_BUF bytes now, or within `patience_ms`. */
static bool console_ready(u64 patience_ms)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    const struct timespec patience = {(time_t)(patience_ms / 1000), (long)(patience_ms % 1000 * NS_PER_MS)};
    return ppoll(&fd, 1, &patience, NULL) == 1;
}

static void tell_lost(void)
{
    char text[96];
    int n = snprintf(text, sizeof text, "\npith: %llu bytes of output were lost here: nobody read them\n",
                     (unsigned long long)process.console_lost);
    process.console_lost = write(STDOUT_FILENO, text, (size_t)n) < 0 ? process.console_lost : 0;
}

/* A pipe that nobody reads must not stop the image: it is waited for once, and until
 * it moves again what does not fit is lost, and counted. */
static void console(const void *text, u64 n)
{
    const u8 *p = text;
    while (n > 0) {
        if (!console_ready(process.console_lost > 0 ? 0 : CONSOLE_PATIENCE_MS)) {
            process.console_lost += n;
            return;
        }
        if (process.console_lost > 0)
            tell_lost();
        ssize_t written = write(STDOUT_FILENO, p, MIN(n, (u64)PIPE_BUF));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EFAULT)
            (void)*(const volatile u8 *)p; /* ends in a report: a bug of the image */
        if (written <= 0)
            return;
        p += written;
        n -= (u64)written;
    }
}

/* Requests of up to 256 bytes are not interrupted (getrandom(2)). An image that
 * went on without entropy would be worse than one that ends. */
static void entropy(void *out, u64 n)
{
    if (n > ENTROPY_MAX || getrandom(out, n, 0) != (ssize_t)n)
        trap_with(TRAP_MUST);
}

/* The devices of both sets that are ready as far as is known without a system call. */
static u64 ready_in_hand(u64 readable, u64 writable)
{
    u64 ready = 0;
    for (u32 i = 0; i < process.devices_n; i++) {
        struct process_net *n = process.nets[i];
        struct process_block *b = process.blocks[i];
        u64 bit = (u64)1 << i;
        if (n && (((readable & bit) && n->ops->pending(n)) || ((writable & bit) && !n->ops->full(n))))
            ready |= bit;
        if (b &&
            (((readable & bit) && process_block_pending(b)) || ((writable & bit) && !process_block_full(b))))
            ready |= bit;
    }
    return ready;
}

/* An image whose device is gone for good is asked to end, and its end is a failure:
 * whoever watches over it can start it again. */
static void notice_loss(void)
{
    for (u32 i = 0; i < process.devices_n && !process.device_lost; i++) {
        if (process.nets[i] && process.nets[i]->fd < 0) {
            process.device_lost = true;
            process.stop_unseen = 1;
        }
    }
}

static u64 take_stop(void)
{
    if (!process.stop_unseen)
        return 0;
    process.stop_unseen = 0;
    return (u64)1 << IDLE_STOP_BIT;
}

/* The system call itself, with process.sleep: the C library would copy the time,
 * and so lose what on_stop writes there. */
static long poll_sleep(struct pollfd *fds, u64 n)
{
    long result;
    register long sigmask __asm__("r10") = 0, size __asm__("r8") = 8;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_ppoll), "D"(fds), "S"(n), "d"(&process.sleep), "r"(sigmask), "r"(size)
                     : "rcx", "r11", "memory");
    return result;
}

/* Polls for `ns`. A stop that comes between the look at stop_unseen and the system
 * call is not lost: on_stop sets the time to sleep to zero. */
static u64 poll_for(struct pollfd *fds, const u32 *devices, u64 n, u64 ns)
{
    process.sleep = (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    __asm__ volatile("" ::: "memory");
    if (process.stop_unseen || poll_sleep(fds, n) <= 0)
        return 0;
    u64 ready = 0;
    for (u64 i = 0; i < n; i++)
        if (fds[i].revents)
            ready |= (u64)1 << devices[i];
    return ready;
}

/* What to poll for the devices of both sets; a disk is never waited for to have room. */
static u32 list_devices(struct pollfd *fds, u32 *devices, u64 readable, u64 writable)
{
    u32 n = 0;
    for (u32 i = 0; i < process.devices_n; i++) {
        u64 bit = (u64)1 << i;
        short events = (short)((readable & bit ? POLLIN : 0) | (writable & bit ? POLLOUT : 0));
        if (process.nets[i] && events) {
            fds[n] = (struct pollfd){process.nets[i]->fd, events, 0};
            devices[n++] = i;
        } else if (process.blocks[i] && (readable & bit)) {
            fds[n] = (struct pollfd){process.blocks[i]->done, POLLIN, 0};
            devices[n++] = i;
        }
    }
    return n;
}

/* Disks wake whoever sleeps, and nobody else. True: one of them is done with something. */
static bool tell_disks(u64 readable)
{
    bool done = false;
    for (u32 i = 0; i < process.devices_n; i++)
        if (process.blocks[i] && (readable >> i & 1))
            done |= process_block_sleep(process.blocks[i]);
    return done;
}

static void take_words_of_disks(u64 readable)
{
    for (u32 i = 0; i < process.devices_n; i++)
        if (process.blocks[i] && (readable >> i & 1))
            process_block_woken(process.blocks[i]);
}

static u64 sleep_for(struct pollfd *fds, const u32 *devices, u32 n, u64 readable, u64 ns)
{
    bool done = tell_disks(readable);
    u64 ready = poll_for(fds, devices, n, done ? 0 : ns);
    take_words_of_disks(readable);
    return ready | ready_in_hand(readable, 0);
}

/* Devices that are still full, whether somebody waits for their room or not: one may keep part
 * of a frame that was taken, and nobody else will ask it to send the rest. */
static u64 still_full(void)
{
    u64 full = 0;
    for (u32 i = 0; i < process.devices_n; i++) {
        struct process_net *n = process.nets[i];
        if (n && n->blocked && n->ops->full(n))
            full |= (u64)1 << i;
    }
    return full;
}

static u64 wait_for(u64 readable, u64 writable, u64 deadline)
{
    struct pollfd fds[PROCESS_DEVICES_MAX];
    u32 devices[PROCESS_DEVICES_MAX];
    notice_loss();
    u64 full = still_full();
    u64 ready = ready_in_hand(readable, writable) | take_stop(), now = clock_mono();
    if (ready || now >= deadline)
        return ready;
    u32 n = list_devices(fds, devices, readable, writable | full);
    /* Waking from sleep costs more than looking for a while. But only what came soon is
     * likely to come soon again, and where frames come in bursts the next one may as well
     * gather while we sleep: 64 busy connections then cost 0.5 us less a request. */
    u64 start = now;
    process.burst += process.frames - process.burst / SPIN_MEMORY;
    if (process.traffic && process.burst <= SPIN_FRAMES * SPIN_MEMORY && n > 0) {
        u64 until = MIN(sat_add(start, process.spin_ns), deadline);
        while (!ready && now < until && !process.stop_unseen) {
            ready = poll_for(fds, devices, n, 0) | ready_in_hand(readable, 0);
            now = clock_mono();
        }
    }
    if (!ready && now < deadline) {
        ready = sleep_for(fds, devices, n, readable, deadline - now);
        now = clock_mono();
    }
    process.traffic = ready && now - start < SPIN_GAPS * process.spin_ns;
    process.frames = 0;
    still_full();
    return (ready & (readable | writable)) | take_stop();
}

/* The image may close pages of its own memory for good; nothing opens one again. */
static i64 guard(void *page)
{
    uintptr_t at = (uintptr_t)page, low = (uintptr_t)process.memory.p;
    if (at % ELF_PAGE != 0 || at < low || at - low >= process.memory.n)
        return -1;
    return process_guard(page) ? 0 : -1;
}

noreturn_ static void leave(u32 code)
{
    _exit(code != 0 ? (int)MIN(code, (u32)UINT8_MAX) : process.device_lost);
}

const struct host_table process_table = {
    .clock_mono = clock_mono,
    .clock_wall = clock_wall,
    .net_rx = net_rx,
    .net_tx = net_tx,
    .console = console,
    .entropy = entropy,
    .wait = wait_for,
    .guard = guard,
    .exit = leave,
    .block_submit = block_submit,
    .block_reap = block_reap,
};
