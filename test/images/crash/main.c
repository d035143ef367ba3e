/* Breaks the rule it is asked to break, inside a named fiber and scope, for
 * test/crash_test.sh: each must end in a report that names what was broken. */
#include "fiber/appliance.h"
#include "fiber/loop.h"
#include "sig/entropy.h"

APPLIANCE(.name = "crash", .about = "breaks a rule", .mem_kib = 512, .mem_min_kib = 128, .stack_kib = 16,
          .fibers = 4);
KEY(how, KEY_TEXT, "bounds", "which rule");

/* Not known to the compiler, which would otherwise remove what follows from it. */
static volatile u64 zero;
static u32 table[4];
static const u32 constants[4] = {1, 2, 3, 4};

static int takes_int(int x)
{
    return x + 1;
}

/* A pointer of which the compiler knows nothing. */
static u64 *pointer_to(u64 address)
{
    u64 *p;
    __asm__ volatile("" : "=r"(p) : "0"(address));
    return p;
}

static __attribute__((noinline)) u64 deeper(u64 n)
{
    volatile u8 frame[512] = {0};
    frame[0] = (u8)n;
    return n == UINT64_MAX ? 0 : deeper(n + 1) + frame[0];
}

static __attribute__((noinline)) void overwrite_stack(void)
{
    volatile u8 text[16] = {0};
    for (u64 i = 0; i < 16 + zero * 2; i++)
        AT(text, i % 16) = 1;
    /* As far as a wrong length would reach: over the canary and the return address. */
    for (u64 i = 0; i < 8; i++)
        *pointer_to((u64)&text + 16 + i * 8) = 0x4141414141414141;
}

static void call_as_another_type(void)
{
    void (*f)(void *);
    int (*real)(int) = takes_int;
    __builtin_memcpy(&f, &real, sizeof f);
    f(NULL);
}

/* Checks of a kind, which the compiler lets share a trap. */
static __attribute__((noinline)) void shared(void)
{
    table[0] = (u32)(zero + 1);
    table[1] = (u32)(zero + zero - 1);
    table[2] = (u32)(zero + 2 - 3);
}

static void boundary(void *arg)
{
    (void)arg;
    struct view how = key_text("how");
    if (view_eq(how, VIEW("shared")))
        shared();
    if (view_eq(how, VIEW("bounds")))
        AT(table, zero + 4) = 1;
    if (view_eq(how, VIEW("overflow")))
        table[0] = (u32)zero - 1;
    if (view_eq(how, VIEW("must")))
        must(zero == 1);
    if (view_eq(how, VIEW("cfi")))
        call_as_another_type();
    if (view_eq(how, VIEW("canary")))
        overwrite_stack();
    if (view_eq(how, VIEW("stack")))
        zero = deeper(zero);
    if (view_eq(how, VIEW("null")))
        zero = *pointer_to(8);
    if (view_eq(how, VIEW("wild")))
        *pointer_to(0x123456789000) = 1;
    if (view_eq(how, VIEW("impossible")))
        *pointer_to(0x4141414141414140) = 1;
    if (view_eq(how, VIEW("text")))
        *pointer_to((u64)&takes_int & ~(u64)7) = 1;
    if (view_eq(how, VIEW("constant")))
        *pointer_to((u64)&constants) = AT(constants, zero);
    if (view_eq(how, VIEW("execute")))
        __asm__ volatile("call *%0" ::"r"(&table));
    if (view_eq(how, VIEW("host")))
        entropy_fill((struct span){(u8 *)pointer_to(16), 8});
    if (view_eq(how, VIEW("forever")))
        while (zero == 0)
            ;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    if (view_eq(key_text("how"), VIEW("stop"))) {
        say("waiting");
        TRY(loop_wait_stop(FOREVER));
        say("stopped");
        return OK;
    }
    if (view_eq(key_text("how"), VIEW("sleep"))) {
        say("sleeping");
        TRY(fiber_sleep_ns(2 * NS_PER_S));
        say("slept");
        return OK;
    }
    SCOPE(inner, "inner");
    TRY(fiber_spawn(&inner, "breaker", boundary, NULL));
    TRY(scope_join(&inner, FOREVER));
    say("nothing broke");
    return ERR_INVALID;
}
