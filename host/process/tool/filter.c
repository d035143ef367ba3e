/* Compiles the sandbox's filter when pith is built, and prints it as a C array.
 * Whatever is not listed here ends the process at once: the kernel kills it rather
 * than let it report, because only code that broke out of the image's rules comes
 * here (images hold no system call instruction), and that code gets to run nothing
 * more. Descriptors are those of host/process/process.h. */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/filter.h>

#include "host/process/process.h"

static scmp_filter_ctx filter;

static void check(int result)
{
    if (result < 0) {
        fprintf(stderr, "filter: libseccomp refuses a rule: %d\n", result);
        exit(1);
    }
}

/* Four descriptors from `first`, a multiple of four. */
static void allow_fds(int call, unsigned first)
{
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                           SCMP_A0(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)3, first)));
}

static void allow_fd(int call, unsigned fd)
{
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, fd)));
}

static void rules(void)
{
    /* Devices. */
    allow_fds(SCMP_SYS(read), PROCESS_FD_DEVICES);
    allow_fds(SCMP_SYS(readv), PROCESS_FD_DEVICES);
    allow_fds(SCMP_SYS(write), PROCESS_FD_DEVICES);
    allow_fds(SCMP_SYS(writev), PROCESS_FD_DEVICES);
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ppoll), 1,
                           SCMP_A1(SCMP_CMP_LE, PROCESS_DEVICES_MAX)));
    /* Captures, console and crash reports. */
    allow_fds(SCMP_SYS(write), PROCESS_FD_CAPTURES);
    allow_fds(SCMP_SYS(writev), PROCESS_FD_CAPTURES);
    allow_fd(SCMP_SYS(write), STDOUT_FILENO);
    allow_fd(SCMP_SYS(write), STDERR_FILENO);
    /* Where the vDSO has no clock. */
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clock_gettime), 1, SCMP_A0(SCMP_CMP_LE, 1)));
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getrandom), 1, SCMP_A2(SCMP_CMP_EQ, 0)));
    /* Guard pages: access can only be taken away. */
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_EQ, 0)));
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigreturn), 0));
    check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0));
}

int main(void)
{
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return 1;
    check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    rules();
    FILE *program = tmpfile();
    if (!program)
        return 1;
    check(seccomp_export_bpf(filter, fileno(program)));
    rewind(program);
    printf("/* Made by host/process/tool/filter.c. */\nstatic const struct sock_filter filter[] = {\n");
    struct sock_filter f;
    while (fread(&f, sizeof f, 1, program) == 1)
        printf("    {0x%x, %u, %u, 0x%x},\n", f.code, f.jt, f.jf, f.k);
    printf("};\n");
    return 0;
}
