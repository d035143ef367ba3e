/* Compiles the sandbox's filter when pith is built, and prints it as a C array:
 * `filter` for the process host, `filter kvm` for the kvm host, whose monitor may run
 * the one processor that it keeps, and ask where it stopped; and once more for one that
 * gdb talks to; `filter block` for the threads of a disk.
 * Whatever is not listed here ends the process with a report: the kernel does
 * nothing and sends SIGSYS, whose handler cannot be changed any more and gives the image
 * no instruction back (images hold no system call instruction: only code that broke out
 * of the rules comes here). Descriptors are those of host/process/process.h. */
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>

#include "host/process/process.h"

static scmp_filter_ctx filter;

static void check(int result)
{
    if (result < 0) {
        fprintf(stderr, "filter: libseccomp refuses a rule: %d\n", result);
        exit(1);
    }
}

static void allow(int call)
{
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0));
}

/* Where one argument is what it has to be. */
static void allow_if(int call, struct scmp_arg_cmp pinned)
{
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, pinned));
}

static void rules(void)
{
    /* Devices: PROCESS_FD_DEVICES and the three after it. */
    allow_if(SCMP_SYS(read), SCMP_A0(SCMP_CMP_MASKED_EQ, ~3u, PROCESS_FD_DEVICES));
    /* Devices, captures, console and crash reports: all that is open. */
    allow_if(SCMP_SYS(write), SCMP_A0(SCMP_CMP_LT, PROCESS_FD_END));
    allow_if(SCMP_SYS(writev), SCMP_A0(SCMP_CMP_LT, PROCESS_FD_END));
    allow(SCMP_SYS(ppoll));
    /* Guard pages: access can only be taken away. */
    allow_if(SCMP_SYS(madvise), SCMP_A2(SCMP_CMP_EQ, 102)); /* MADV_GUARD_INSTALL */
    allow_if(SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_EQ, PROT_NONE));
    allow(SCMP_SYS(getrandom));
    allow(SCMP_SYS(clock_gettime)); /* where the vDSO has no clock */
    allow(SCMP_SYS(rt_sigreturn));
    allow(SCMP_SYS(exit_group));
}

/* The C library extends the sign of a request, the kernel looks at 32 bits of it. */
static void allow_processor(unsigned long request)
{
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, SCMP_A0(SCMP_CMP_EQ, PROCESS_FD_EXTRA),
                           SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, request)));
}

static void rules_kvm(void)
{
    rules();
    allow_processor(KVM_RUN);
    allow_processor(KVM_GET_REGS);
    allow_processor(KVM_GET_SREGS);
    allow_processor(KVM_GET_VCPU_EVENTS);
}

static void rules_debug(void)
{
    rules_kvm();
    allow_processor(KVM_SET_REGS);
    allow_processor(KVM_SET_GUEST_DEBUG);
    allow_if(SCMP_SYS(read), SCMP_A0(SCMP_CMP_EQ, PROCESS_FD_DEBUG));
}

/* A thread that serves a disk: its doorbell, its file, its word to the image's thread. */
static void rules_block(void)
{
    const struct scmp_arg_cmp file = SCMP_A0(SCMP_CMP_MASKED_EQ, ~3u, PROCESS_FD_FILES);
    allow_if(SCMP_SYS(read), SCMP_A0(SCMP_CMP_MASKED_EQ, ~3u, PROCESS_FD_CAPTURES));
    allow_if(SCMP_SYS(write), SCMP_A0(SCMP_CMP_MASKED_EQ, ~3u, PROCESS_FD_DEVICES));
    allow_if(SCMP_SYS(pread64), file);
    allow_if(SCMP_SYS(pwrite64), file);
    allow_if(SCMP_SYS(fdatasync), file);
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fallocate), 2, file,
                           SCMP_A1(SCMP_CMP_EQ, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)));
    allow(SCMP_SYS(exit_group));
}

/* The kernel tries a new filter on every system call number to learn which are
 * always allowed. One that begins with a look at an argument is told apart at once,
 * which takes 30 of 80 µs off the start of an image. */
static void print_first_look(void)
{
    printf("    {0x%x, 0, 0, %zu},\n", BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
}

static bool print(const char *name, void (*add_rules)(void))
{
    FILE *program = tmpfile();
    struct sock_filter f;
    filter = seccomp_init(SCMP_ACT_TRAP);
    if (!filter || !program)
        return false;
    check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP));
    add_rules();
    check(seccomp_export_bpf(filter, fileno(program)));
    rewind(program);
    printf("/* Made by host/process/tool/filter.c. */\nstatic const struct sock_filter %s[] = {\n", name);
    print_first_look();
    while (fread(&f, sizeof f, 1, program) == 1)
        printf("    {0x%x, %u, %u, 0x%x},\n", f.code, f.jt, f.jf, f.k);
    printf("};\n");
    fclose(program);
    seccomp_release(filter);
    return true;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "kvm") == 0)
        return !print("filter_kvm", rules_kvm) || !print("filter_debug", rules_debug);
    if (argc > 1 && strcmp(argv[1], "block") == 0)
        return !print("filter_block", rules_block);
    return !print("filter", rules);
}
