/* How a world ends badly: what rule was broken, where, in which fiber, and the seed
 * that replays it. Runs in a signal handler, on a stack of its own; printf is good
 * enough for a test that ends here anyway. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/num.h"
#include "host/sim/internal.h"

enum {
    REAL_LIMIT_S = 120, /* of real time a run; more is a world that runs in circles */
    DEPTH = 24,         /* calls shown of a backtrace */
    ADDRESS_TEXT = 20,
};

static void print_fiber(const struct fiber_report *r, void *arg)
{
    (void)arg;
    printf("# sim: fiber \"%s\"", r->name);
    for (const struct scope_report *s = r->scope; s; s = s->parent)
        printf(" in \"%s\"", s->name);
    printf("\n");
}

void sim_fail(const char *what)
{
    printf("# sim: %s\n", what);
    sim_print_seed();
    fibers_visit(print_fiber, NULL);
    fflush(stdout);
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* ---- where ----------------------------------------------------------------------- */

/* Follows frame pointers, as far as they lead up one stack. */
static size_t backtrace(const ucontext_t *u, u64 pcs[DEPTH])
{
    u64 sp = (u64)u->uc_mcontext.gregs[REG_RSP], frame = (u64)u->uc_mcontext.gregs[REG_RBP];
    u64 top = sp + (1 << 20);
    struct fiber *self = fiber_self();
    if (self)
        top = ((const struct fiber_report *)(const void *)self)->stack_high;
    size_t n = 0;
    pcs[n++] = (u64)u->uc_mcontext.gregs[REG_RIP];
    while (n < DEPTH && frame >= sp && frame < top - 16 && frame % 8 == 0) {
        const u64 *words = (const u64 *)(uintptr_t)frame;
        pcs[n++] = words[1] - 1; /* within the call, not behind it */
        sp = frame + 16;
        frame = words[0];
    }
    return n;
}

/* Lets llvm-symbolizer name the lines, as comments of the test's output. */
static void print_lines(const u64 *pcs, size_t n)
{
    char exe[256], texts[DEPTH][ADDRESS_TEXT];
    const char *argv[DEPTH + 6] = {"llvm-symbolizer-19", "-s", "-p", "-e", exe};
    ssize_t exe_n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (exe_n < 0)
        return;
    exe[exe_n] = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "0x%llx", (unsigned long long)pcs[i]);
        argv[5 + i] = texts[i];
    }
    int out[2];
    if (pipe(out) != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execvp(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    close(out[1]);
    FILE *lines = fdopen(out[0], "r");
    char line[300];
    while (lines && fgets(line, sizeof line, lines))
        if (strspn(line, "\n") == 0)
            printf("#   %s", line);
    waitpid(pid, NULL, 0);
}

/* The operand of `ud1` says which rule (base/trap.h). */
static const char *rule_at(const ucontext_t *u)
{
    const u8 *at = (const u8 *)u->uc_mcontext.gregs[REG_RIP];
    bool is_ud1 = at[0] == 0x67 && at[1] == 0x0f && at[2] == 0xb9;
    return trap_name(!is_ud1 ? 0xff : at[3] == 0 ? 0 : at[4]);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *u = context;
    u64 pcs[DEPTH];
    switch (number) {
    case SIGILL:
        printf("# sim: a trap: %s\n", rule_at(u));
        break;
    case SIGALRM:
        printf("# sim: running in circles: no end after %d s\n", REAL_LIMIT_S);
        break;
    default:
        printf("# sim: a memory fault at %p\n", info->si_addr);
        break;
    }
    print_lines(pcs, backtrace(u, pcs));
    sim_fail("the world has ended");
}

void sim_faults_begin(void)
{
    static u8 stack[64 * 1024];
    static const int numbers[] = {SIGILL, SIGSEGV, SIGBUS, SIGALRM};
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction act = {
        .sa_sigaction = on_fault,
        .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND),
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        sigaction(AT(numbers, i), &act, NULL);
    alarm(REAL_LIMIT_S);
}

void sim_faults_end(void)
{
    alarm(0);
}
