/* Bugs trap: runs `bug`, and answers the code of the trap that it ended in (see
 * base/trap.h), or -1 if it went on. */
#ifndef TEST_TRAP_H
#define TEST_TRAP_H

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "base/types.h"

static sigjmp_buf trap_back;
static volatile int trap_code;

/* `ud1 code(%eax), %eax` is 67 0f b9 40 CODE, and 67 0f b9 00 for code 0. */
static void trap_caught(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    const ucontext_t *u = context;
    const u8 *at = (const u8 *)u->uc_mcontext.gregs[REG_RIP];
    bool is_ud1 = at[0] == 0x67 && at[1] == 0x0f && at[2] == 0xb9;
    trap_code = is_ud1 && at[3] == 0x40 ? at[4] : is_ud1 && at[3] == 0 ? 0 : -2;
    siglongjmp(trap_back, 1);
}

static int trap_of(void (*bug)(void))
{
    struct sigaction act = {.sa_sigaction = trap_caught, .sa_flags = SA_SIGINFO}, before;
    sigaction(SIGILL, &act, &before);
    trap_code = -1;
    if (sigsetjmp(trap_back, 1) == 0)
        bug();
    sigaction(SIGILL, &before, NULL);
    return trap_code;
}

#endif
