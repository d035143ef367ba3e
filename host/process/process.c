#include "host/process/process.h"

#include "host/process/internal.h"

#include "filter.h"

/* Not inlined, and with something in it, so that a debugger can break here. */
__attribute__((noinline)) void process_mapped(const void *base)
{
    __asm__ volatile("" ::"r"(base) : "memory");
}

noreturn_ static void jump(u64 entry, u8 *stack, const struct host_boot *boot)
{
    __asm__ volatile("movq %1, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call *%0"
                     :
                     : "a"(entry), "c"(stack), "D"(boot)
                     : "memory");
    __builtin_unreachable();
}

void process_run(const struct process_plan *plan, char *error, size_t error_n)
{
    const struct sandbox sandbox = {filter, COUNT(filter), -1, -1};
    const struct host_boot *boot;
    if (!process_load(plan, 0, &boot, error, error_n))
        return;
    process_mapped(process.base);
    if (!process_seal(plan, &sandbox, error, error_n))
        return;
    jump((u64)process.base + plan->elf->entry, process.stack.p + process.stack.n, boot);
}
