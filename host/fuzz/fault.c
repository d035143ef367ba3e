/* How a session ends badly. The report is one line on stderr, and the abort lets
 * whoever drives the sessions keep the script. Runs on a stack of its own, because a
 * fiber's has no room for it. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

enum { STACK_BYTES = 1 << 20, UD1_BYTES = 5, PROTO_TCP = 6 };

static char reason[400];

noreturn_ void fuzz_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    raise(SIGILL);
    abort();
}

void fuzz_tell(const char *format, ...)
{
    if (!fuzz.show)
        return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "# %.6f s, ", (double)(fuzz.now - fuzz.started) / 1e9);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* One line a frame, for whoever reads along (FUZZ_SHOW). */
void fuzz_tell_frame(const char *way, struct view frame)
{
    struct eth e;
    struct ipv4 h;
    struct tcp_segment s;
    if (!fuzz.show)
        return;
    if (eth_decode(frame, &e) != OK || e.type != ETH_IPV4 || ipv4_decode(e.payload, &h) != OK)
        fuzz_tell("%s %zu bytes, type %04x", way, frame.n, frame.n < ETH_HEADER ? 0u : e.type);
    else if (h.protocol != PROTO_TCP || h.offset > 0 || tcp_decode(&s, h.payload) != OK)
        fuzz_tell("%s IP %08x to %08x, protocol %u, %zu bytes at %u", way, h.src, h.dst, h.protocol,
                  h.payload.n, h.offset);
    else
        fuzz_tell("%s TCP %u to %u, flags %02x, seq %u, ack %u, window %u, %zu bytes", way, s.from_port,
                  s.to_port, s.flags, s.seq, s.ack, s.window, s.payload.n);
}

/* The rule that a trap's instruction names: ud1 number(%eax), %eax. */
static const char *rule_at(const u8 *pc)
{
    static const u8 ud1[UD1_BYTES - 1] = {0x67, 0x0f, 0xb9, 0x40};
    return memcmp(pc, ud1, sizeof ud1) == 0 ? trap_name(pc[UD1_BYTES - 1]) : "an instruction that traps";
}

wraps static void on_signal(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *u = context;
    u64 pc = (u64)u->uc_mcontext.gregs[REG_RIP];
    const char *what = reason;
    if (reason[0] == 0) {
        snprintf(reason, sizeof reason, "%s", signal == SIGILL ? rule_at((const u8 *)pc) : strsignal(signal));
        fprintf(stderr, "fuzz: at image + 0x%llx, touching %p\n",
                (unsigned long long)pc - (u64)(uintptr_t)fuzz.image->code.p, info->si_addr);
    }
    fprintf(stderr, "fuzz: %s: %s, in step %u, %.6f s into the session\n", fuzz.image->manifest.about.name,
            what, fuzz.steps, (double)(fuzz.now - fuzz.started) / 1e9);
    abort();
}

void fuzz_faults(void)
{
    static u8 stack[STACK_BYTES];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP};
    must(sigaltstack(&ss, NULL) == 0);
    for (size_t i = 0; i < COUNT(signals); i++)
        must(sigaction(signals[i], &action, NULL) == 0);
}
