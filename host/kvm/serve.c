/* Runs the guest until it ends: rings are answered (calls.c), whatever else it stops at is
 * the end, with a report. */
#include "host/kvm/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "filter_kvm.h"
#include "host/process/call.h"

enum { PAGE_FAULT = 14, PROTECTION_FAULT = 13, BAD_INSTRUCTION = 6, DIVIDE_ERROR = 0 };
enum { SYSCALL_BYTES = 2 };

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

static bool is_code(u64 rip)
{
    const struct elf_segment *s = elf_segment_of(process.elf, rip - (u64)process.base);
    return rip >= (u64)process.base && s && (s->flags & ELF_X);
}

/* Whether the instruction at `rip` of the image's code would call a kernel: syscall, int $0x80.
 * What cannot be read is none: the file may have been cut short. */
static bool calls_kernel(u64 rip)
{
    u64 words[2] = {0};
    u8 text[SYSCALL_BYTES];
    if (!is_code(rip) || !process_peek(rip & ~(u64)7, &words[0]) ||
        !process_peek((rip & ~(u64)7) + 8, &words[1]))
        return false;
    memcpy(text, (const u8 *)words + rip % 8, sizeof text);
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
    u64 word;
    if (stop.kind == STOP_UNKNOWN && is_code(stop.rip) && !process_peek(stop.rip & ~(u64)7, &word))
        stop.kind = STOP_FILE;
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

static u8 signal_of(const struct stop *stop)
{
    return stop->kind == STOP_INSTRUCTION ? SIGILL : stop->kind == STOP_DIVISION ? SIGFPE : SIGSEGV;
}

noreturn_ static void crashed(void)
{
    struct stop stop = machine_stop();
    process_report(&stop);
    if (machine.exited)
        gdb_crashed(signal_of(&stop));
    _exit(EXIT_CRASH);
}

/* What a run of the guest ended with. */
static void handle(i64 result)
{
    struct kvm_run *run = machine.run;
    u32 call = UINT32_MAX;
    if (result == -EINTR || result == -EAGAIN) {
        if (machine.exited)
            gdb_look();
        return;
    }
    if (result == 0 && run->exit_reason == KVM_EXIT_MMIO) {
        if (run->mmio.is_write && run->mmio.phys_addr == BELL_AT && run->mmio.len == sizeof call)
            memcpy(&call, run->mmio.data, sizeof call);
        machine_answer(call);
        return;
    }
    if (result < 0 || !machine.exited || !gdb_took_stop())
        crashed();
}

noreturn_ void machine_serve(void)
{
    for (;;)
        handle(call3(SYS_ioctl, PROCESS_FD_EXTRA, KVM_RUN, 0));
}

void kvm_run(const struct process_plan *plan, char *error, size_t error_n)
{
    struct sandbox sandbox = {filter_kvm, COUNT(filter_kvm), -1, -1};
    const struct host_boot *boot;
    if (!machine_open(error, error_n) ||
        !process_load(plan, shim_size(plan) + tables_size(plan), &boot, error, error_n) ||
        !machine_fill(plan, boot, error, error_n))
        return;
    machine_set_clock();
    machine_fill_entropy();
    process.locate = locate;
    sandbox.keep = machine.vcpu;
    if (plan->gdb) {
        sandbox = (struct sandbox){filter_debug, COUNT(filter_debug), machine.vcpu, STDIN_FILENO};
        machine.exited = gdb_exited;
        if (!gdb_open() || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
            snprintf(error, error_n, "--gdb: standard input cannot be used: %m");
            return;
        }
    }
    if (!process_seal(plan, &sandbox, error, error_n))
        return;
    if (plan->gdb)
        gdb_start();
    machine_serve();
}
