/* The handler of the signals that a broken rule ends in: tells host/report, from
 * inside the sandbox, what the kernel says of it. Memory of the image is read only
 * after the kernel said that it can be. */
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "host/process/internal.h"
#include "host/report/report.h"

enum { SYSCALL_BYTES = 2 }; /* syscall, sysenter, int $0x80 */

_Static_assert((int)PROCESS_DEVICES_MAX <= (int)REPORT_WINDOWS_MAX, "a report knows every window");

u8 process_signal_stack[32 * 1024] __attribute__((aligned(16)));

/* ppoll copies its signal mask from there before it does anything, and with no time
 * to wait it does nothing. */
bool process_peek(u64 address, u64 *word)
{
    struct timespec none = {0};
    if (syscall(SYS_ppoll, NULL, 0, &none, address, sizeof(u64)) != 0)
        return false;
    *word = *(const u64 *)address;
    return true;
}

static bool peek(const struct report *r, u64 address, u64 *word)
{
    (void)r;
    return process_peek(address, word);
}

static struct report_area area_of(struct area a)
{
    return (struct report_area){(u64)a.p, a.n};
}

static struct report about_image(void)
{
    struct report r = {
        .name = process.name,
        .path = process.path,
        .host = process.host,
        .elf = process.elf,
        .debug = process.debug,
        .base = (u64)process.base,
        .stack = area_of(process.stack),
        .boot_record = area_of(process.info),
        .bundle = {(u64)process.bundle.p, process.bundle.n},
        .memory = area_of(process.memory),
        .peek = peek,
    };
    for (u32 i = 0; i < process.devices_n; i++)
        r.windows[i] = area_of(process.windows[i]);
    return r;
}

static enum stop_kind kind_of(int signal, int code)
{
    if (code <= 0)
        return STOP_SENT;
    switch (signal) {
    case SIGILL:
        return STOP_INSTRUCTION;
    case SIGFPE:
        return STOP_DIVISION;
    case SIGSYS:
        return STOP_SYSTEM_CALL;
    case SIGBUS:
        return STOP_FILE;
    default: /* a page fault says where; what has no address is a general protection fault */
        return code == SI_KERNEL ? STOP_PROTECTION : STOP_ACCESS;
    }
}

static struct stop about_stop(int signal, const siginfo_t *info, const ucontext_t *u)
{
    enum { WRITE = 2, FETCH = 16 }; /* bits of the page fault's error code */
    const greg_t *g = u->uc_mcontext.gregs;
    return (struct stop){
        .kind = kind_of(signal, info->si_code),
        .access = g[REG_ERR] & FETCH   ? ACCESS_FETCH
                  : g[REG_ERR] & WRITE ? ACCESS_WRITE
                                       : ACCESS_READ,
        .address = (u64)info->si_addr,
        .rip = (u64)g[REG_RIP],
        .rsp = (u64)g[REG_RSP],
        .rbp = (u64)g[REG_RBP],
    };
}

/* A report may break itself, on a file that was cut short while the image ran from it: it
 * is begun again, of the same stop, with less to read. First without the debug information,
 * then without the image's file as well. */
enum { TRIES = 3 };
static volatile sig_atomic_t tries;

void process_report(const struct stop *stop)
{
    static u8 text[REPORT_TEXT_MAX];
    static struct stop first;
    static struct elf bare;
    struct report report = about_image();
    if (tries == TRIES)
        _exit(134);
    if (tries == 0)
        first = *stop;
    if (tries > 0)
        report.debug = VIEW_NONE;
    if (tries > 1) {
        bare = *process.elf;
        bare.file = VIEW_NONE;
        bare.notes_n = 0;
        report.elf = &bare;
    }
    tries++;
    struct writer w = writer_of(SPAN_OF(text));
    report_write(&w, &report, &first);
    /* Nothing can be done about an error stream that is gone. */
    ssize_t ignored = write(STDERR_FILENO, text, w.n);
    (void)ignored;
}

void process_crashed(int signal, siginfo_t *info, void *context)
{
    struct stop stop = about_stop(signal, info, context);
    if (process.locate && tries == 0)
        process.locate(&stop);
    process_report(&stop);
    if (!process.core)
        _exit(134);
    /* The handler is gone (SA_RESETHAND): the instruction faults again, for the core file. */
    if (signal == SIGSYS)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] -= SYSCALL_BYTES;
}
