/* The conformance suite as an image that is nothing else: it has no fibers and no stack,
 * takes the boot record itself (in place of host/guest/start.c) and calls its host
 * directly. test/conform/run.py boots it on every host. --how picks a way to end. */
#include "base/num.h"
#include "host/guest/guest.h"
#include "sig/console.h"
#include "sig/manifest.h"
#include "test/conform/table.h"

APPLIANCE(.name = "conform", .about = "looks whether a host keeps its promises", .mem_kib = 2048,
          .mem_min_kib = 1024, .stack_kib = 16, .fibers = 1);
DEVICE(peer, DEVICE_NET, .rx_kib = 256);
DEVICE(store, DEVICE_BLOCK);
KEY(how, KEY_TEXT, "suite", "suite, or a way to end");

const struct host_table *guest_table __attribute__((used));
const struct host_boot *guest_boot;
void *__stack_chk_guard __attribute__((used));
noreturn_ void __stack_chk_fail(void);
__attribute__((used)) noreturn_ void __stack_chk_fail(void)
{
    trap_with(TRAP_STACK);
}

/* From a page on that no scenario looks at: what guest_net needs. */
struct span guest_take(struct span *memory, size_t n)
{
    struct span taken = span_first(*memory, align_up(n, 64));
    *memory = span_from(*memory, taken.n);
    return taken;
}

static struct conform suite;

static void ask_stop(void)
{
    console_write(VIEW("conform: stop me\n"));
}

static u32 run_suite(void)
{
    static u8 room[16384] __attribute__((aligned(64)));
    struct span rest = SPAN_OF(room);
    suite.ask_stop = ask_stop;
    suite.dev = conform_boot->devices_n > 0 ? guest_net(0, conform_boot->devices, &rest) : NULL;
    suite.disk = boot_block(1);
    return conform_run(&suite, conform_table) + conform_run(&suite, conform_signatures) +
           conform_run(&suite, conform_disk);
}

/* Ways to end that must each be a crash, with a report, or the exit code they ask for. */
static void end(struct view how)
{
    u64 memory = (u64)conform_boot->memory;
    if (view_eq(how, VIEW("exit_0")))
        host_exit(0);
    if (view_eq(how, VIEW("exit_7")))
        host_exit(7);
    if (view_eq(how, VIEW("exit_256")))
        host_exit(256);
    if (view_eq(how, VIEW("write_boot_record")))
        *(volatile u64 *)conform_pointer((u64)conform_boot) = 0;
    if (view_eq(how, VIEW("write_table")))
        *(volatile u64 *)conform_pointer((u64)conform_boot->table) = 0;
    if (view_eq(how, VIEW("write_past_memory")))
        *(volatile u64 *)conform_pointer(memory + conform_boot->memory_n) = 0;
    if (view_eq(how, VIEW("execute_memory")))
        __asm__ volatile("call *%0" ::"r"(conform_pointer(memory)));
    if (view_eq(how, VIEW("write_guard")) && host_guard(conform_pointer(memory)) == 0)
        *(volatile u64 *)conform_pointer(memory) = 0;
    if (view_eq(how, VIEW("read_guard")) && host_guard(conform_pointer(memory)) == 0)
        (void)*(volatile u64 *)conform_pointer(memory);
    if (view_eq(how, VIEW("write_touched_guard"))) {
        *(volatile u64 *)conform_pointer(memory) = 1;
        if (host_guard(conform_pointer(memory)) == 0)
            *(volatile u64 *)conform_pointer(memory) = 0;
    }
    if (view_eq(how, VIEW("too_much_entropy")))
        host_entropy(conform_pointer(memory), 257);
    console_write(VIEW("not ok: nothing happened\n"));
}

noreturn_ static __attribute__((noinline)) void run(void)
{
    const struct host_key *how = conform_boot->keys;
    struct view text = {(const u8 *)how->value, how->value_n};
    if (!view_eq(text, VIEW("suite")))
        end(text);
    host_exit(run_suite() > 0);
}

/* Not protected itself: it sets the guard that protection compares with. */
__attribute__((no_stack_protector, used)) noreturn_ void guest_start(const struct host_boot *b)
{
    conform_boot = guest_boot = b;
    guest_table = b->table;
    run();
}
