/* Runs the guest, and answers the shim's calls with the process host's own functions
 * (host/process/table.c). One thread does both: while a call is served the guest stands
 * still, so what it says cannot change between the look at it and its use. */
#include "host/kvm/internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/time.h"
#include "filter_kvm.h"
#include "host/process/call.h"
#include "sig/net.h"

enum { PAGE_FAULT = 14, PROTECTION_FAULT = 13, BAD_INSTRUCTION = 6, DIVIDE_ERROR = 0 };
enum { ENTROPY_MAX = 256, SYSCALL_BYTES = 2 };

/* ---- time ------------------------------------------------------------------------ */

static void set_clock(void)
{
    struct shim_clock *c = &machine.share->clock;
    u64 before = __builtin_ia32_rdtsc();
    c->mono = process_table.clock_mono();
    c->wall = process_table.clock_wall();
    c->at = before;
    c->mult = machine.tsc_khz ? ((NS_PER_MS << 32) / machine.tsc_khz) : 0;
}

/* ---- frames ---------------------------------------------------------------------- */

static struct shim_net *net_of(u64 device)
{
    return device < process.devices_n ? &machine.share->nets[device] : NULL;
}

/* Whether the guest may have these bytes read for it: they are its own. A page among
 * them that it closed faults here, which is reported as the guest's. */
static bool is_guests(const struct host_iov *part)
{
    const struct area guests = {process.all.p, (u64)(machine.tables.p - process.all.p)};
    const struct area areas[] = {guests, {(u8 *)(uintptr_t)process.bundle.p, process.bundle.n}};
    for (size_t i = 0; i < COUNT(areas); i++) {
        u64 from = (u64)part->p - (u64)areas[i].p;
        if (from <= areas[i].n && part->n <= areas[i].n - from)
            return true;
    }
    return false;
}

static bool take_frame(const struct shim_net *n, const struct shim_tx *from, struct host_tx *to)
{
    struct shim_tx t = *from;
    if (t.count > NET_PARTS_MAX || t.first > SHIM_PARTS_MAX || t.count > SHIM_PARTS_MAX - t.first)
        return false;
    for (u32 i = 0; i < t.count; i++)
        if (!is_guests(&n->parts[t.first + i]))
            return false;
    *to = (struct host_tx){&n->parts[t.first], t.count, t.offload};
    return true;
}

/* Sends what waits, as far as the device takes it. False: it made no sense, and is gone. */
static bool send_waiting(u32 device)
{
    static struct host_tx frames[SHIM_TX_MAX];
    struct shim_net *n = &machine.share->nets[device];
    u32 sent = n->tx_sent, count = n->tx_n;
    if (sent == count)
        return true;
    bool good = count <= SHIM_TX_MAX && sent < count;
    for (u32 i = sent; i < count && good; i++)
        good = take_frame(n, &n->tx[i], &frames[i - sent]);
    i64 took = good ? process_table.net_tx(device, frames, count - sent) : -1;
    bool all = took < 0 || (u32)took == count - sent;
    n->tx_sent = all ? 0 : sent + (u32)took;
    n->tx_n = all ? 0 : count;
    return took >= 0;
}

static i64 send_all(void)
{
    bool good = true;
    for (u32 i = 0; i < process.devices_n; i++)
        good &= send_waiting(i);
    return good ? 0 : -1;
}

/* Fills the hand, if it is empty. */
static i64 receive(u64 device)
{
    struct shim_net *n = net_of(device);
    if (!n)
        return -1;
    if (n->rx_at < n->rx_n)
        return 0;
    i64 got = process_table.net_rx((u32)device, n->rx, SHIM_RX_MAX);
    n->rx_at = 0;
    n->rx_n = got < 0 ? 0 : (u32)got;
    return got < 0 ? -1 : 0;
}

/* Frames are fetched for whoever waits for them: they would be the next thing asked for. */
static i64 wait(u64 readable, u64 writable, u64 deadline)
{
    u64 ready = process_table.wait(readable, writable, deadline);
    for (u32 i = 0; i < process.devices_n; i++) {
        u64 bit = (u64)1 << i;
        if (readable & bit)
            machine.share->nets[i].looked = 1;
        if (ready & readable & bit)
            receive(i);
    }
    return (i64)ready;
}

/* ---- the rest -------------------------------------------------------------------- */

static i64 console(u64 n)
{
    process_table.console(machine.share->text, MIN(n, (u64)SHIM_TEXT_MAX));
    return 0;
}

static i64 entropy(u64 n)
{
    process_table.entropy(machine.share->text, MIN(n, (u64)ENTROPY_MAX));
    return 0;
}

/* The entry of the page table goes first: when the page is gone here as well, the kernel
 * forgets what it knows of both (its notifier), in the processor too. */
static i64 guard(u64 page)
{
    u64 low = (u64)process.memory.p;
    if (page % ELF_PAGE != 0 || page < low || page - low >= process.memory.n)
        return -1;
    tables_unmap(page);
    return process_table.guard((void *)page);
}

noreturn_ static void leave(u64 code)
{
    send_all();
    process_table.exit((u32)code);
}

static i64 answer(u32 call)
{
    struct shim_share *s = machine.share;
    u64 a = s->a, b = s->b, c = s->c;
    switch ((enum shim_call)call) {
    case SHIM_CLOCK:
        return 0;
    case SHIM_LOOK:
        send_all();
        return receive(a);
    case SHIM_SEND:
        return send_all();
    case SHIM_CONSOLE:
        return console(a);
    case SHIM_ENTROPY:
        return entropy(a);
    case SHIM_WAIT:
        send_all();
        return wait(a, b, c);
    case SHIM_GUARD:
        return guard(a);
    case SHIM_EXIT:
        leave(a);
    }
    return -1;
}

/* ---- stops ----------------------------------------------------------------------- */

static enum stop_kind kind_of(u32 vector)
{
    switch (vector) {
    case PAGE_FAULT:
        return STOP_ACCESS;
    case PROTECTION_FAULT:
        return STOP_PROTECTION;
    case BAD_INSTRUCTION:
        return STOP_INSTRUCTION;
    case DIVIDE_ERROR:
        return STOP_DIVISION;
    default:
        return STOP_UNKNOWN;
    }
}

/* Whether the instruction at `rip` of the image's code would call a kernel: syscall, int $0x80. */
static bool calls_kernel(u64 rip)
{
    const struct elf_segment *s = elf_segment_of(process.elf, rip - (u64)process.base);
    u8 text[SYSCALL_BYTES];
    if (rip < (u64)process.base || !s || !(s->flags & ELF_X) ||
        rip + sizeof text > (u64)process.base + s->address + s->file_n)
        return false;
    memcpy(text, (const void *)rip, sizeof text);
    return (text[0] == 0x0f && text[1] == 0x05) || (text[0] == 0xcd && text[1] == 0x80);
}

/* There is no handler in the guest, so whatever was raised is still there to be seen;
 * where the kernel does not tell, what lies at the place says most of it. */
struct stop machine_stop(void)
{
    enum { WRITE = 2, FETCH = 16 }; /* bits of the page fault's error code */
    struct kvm_regs r;
    struct kvm_sregs s;
    struct kvm_vcpu_events e;
    struct stop stop = {.kind = STOP_UNKNOWN};
    if (ioctl(PROCESS_FD_EXTRA, KVM_GET_REGS, &r) != 0 || ioctl(PROCESS_FD_EXTRA, KVM_GET_SREGS, &s) != 0)
        return stop;
    stop = (struct stop){.kind = STOP_UNKNOWN, .address = s.cr2, .rip = r.rip, .rsp = r.rsp, .rbp = r.rbp};
    if (ioctl(PROCESS_FD_EXTRA, KVM_GET_VCPU_EVENTS, &e) == 0 && (e.exception.injected || e.exception.nr))
        stop.kind = kind_of(e.exception.nr);
    if (stop.rip == 0 && calls_kernel(r.rcx - SYSCALL_BYTES)) /* entered a kernel, which is not there */
        stop.rip = r.rcx - SYSCALL_BYTES;
    if (calls_kernel(stop.rip)) {
        stop.kind = STOP_SYSTEM_CALL;
        stop.rip += SYSCALL_BYTES;
    }
    if (stop.kind == STOP_ACCESS)
        stop.access = e.exception.error_code & FETCH   ? ACCESS_FETCH
                      : e.exception.error_code & WRITE ? ACCESS_WRITE
                                                       : ACCESS_READ;
    return stop;
}

static void locate(struct stop *stop)
{
    struct stop guest = machine_stop();
    stop->rip = guest.rip;
    stop->rsp = guest.rsp;
    stop->rbp = guest.rbp;
}

noreturn_ static void crashed(void)
{
    struct stop stop = machine_stop();
    process_report(&stop);
    _exit(134);
}

noreturn_ void machine_serve(void)
{
    struct kvm_run *run = machine.run;
    for (;;) {
        i64 result = call3(SYS_ioctl, PROCESS_FD_EXTRA, KVM_RUN, 0);
        if (result == -EINTR || result == -EAGAIN)
            continue;
        if (result < 0 || run->exit_reason != KVM_EXIT_MMIO)
            crashed();
        u32 call = UINT32_MAX;
        if (run->mmio.is_write && run->mmio.phys_addr == BELL_AT && run->mmio.len == sizeof call)
            memcpy(&call, run->mmio.data, sizeof call);
        machine.share->result = answer(call);
        set_clock();
    }
}

void kvm_run(const struct process_plan *plan, char *error, size_t error_n)
{
    struct sandbox sandbox = {filter_kvm, COUNT(filter_kvm), -1};
    const struct host_boot *boot;
    if (!machine_open(error, error_n) ||
        !process_load(plan, shim_size(plan) + tables_size(plan), &boot, error, error_n) ||
        !machine_fill(plan, boot, error, error_n))
        return;
    set_clock();
    process.locate = locate;
    sandbox.keep = machine.vcpu;
    if (process_seal(plan, &sandbox, error, error_n))
        machine_serve();
}
