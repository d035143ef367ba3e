/* Tries to break out of where it runs, one attack a start: `pith run selfattack DIR
 * --attack NAME`. On every host each must end in a report, or be refused and do
 * nothing; doc/security.md lists what happened where, and test/selfattack.py runs
 * them all. What an attack needs that C cannot say is in attack.S. */
#include "base/fmt.h"
#include "fiber/appliance.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/net.h"

APPLIANCE(.name = "selfattack", .about = "tries to break out of where it runs, one attack a start",
          .mem_kib = 1024, .mem_min_kib = 512, .stack_kib = 16, .fibers = 2, .flags = MANIFEST_BUNDLE);
DEVICE(service, DEVICE_NET, .rx_kib = 144);
DEVICE(store, DEVICE_BLOCK);
KEY(attack, KEY_TEXT, "list", "which one; list: their names");

/* ---- places -------------------------------------------------------------------- */

u64 attack_load(u64 address);
void attack_store(u64 address, u64 value);
void attack_jump(u64 address);
i64 attack_host(u64 slot, u64 a, u64 b, u64 c);
u64 attack_table(void);

enum {
    PAGE = 4096,
    RET = 0xc3, /* the instruction: what is jumped to returns, if it runs */
};

static const u64 constants[4] = {1, 2, 3, 4};
static const u64 *const relocated[2] = {constants, constants};
static u64 data[4] = {RET};

static u64 text(void)
{
    return (u64)&attack_load;
}

static u64 constant(void)
{
    return (u64)&constants;
}

static u64 after_relocation(void)
{
    return (u64)&relocated;
}

static u64 variable(void)
{
    return (u64)&data;
}

static u64 stack(void)
{
    return (u64)__builtin_frame_address(0);
}

static u64 heap(void)
{
    u64 *word = NEW(boot_arena(), u64);
    *word = RET;
    return (u64)word;
}

static u64 bundle(void)
{
    return (u64)boot_bundle().p;
}

static u64 boot_record(void)
{
    return (u64)key_text("attack").p & ~(u64)7;
}

static u64 host_code(void)
{
    return attack_load(attack_table());
}

/* What is left of the image's memory when devices have taken theirs off its end. */
static u64 memory_end(void)
{
    return (u64)boot_arena()->mem.p + boot_arena()->mem.n;
}

static u64 null(void)
{
    return 8;
}

/* Where page tables, firmware and interrupt controllers lie in a machine. */
static u64 low_memory(void)
{
    return 0x1000;
}

static u64 interrupt_controller(void)
{
    return 0xfee00000;
}

static u64 kernel_memory(void)
{
    return 0xffff888000000000;
}

static u64 not_canonical(void)
{
    return 0x0080000000000000;
}

/* ---- what is asked of the host ---------------------------------------------------- */

enum slot {
    NET_RX = 2,
    NET_TX = 3,
    CONSOLE = 4,
    ENTROPY = 5,
    WAIT = 6,
    GUARD = 7,
    EXIT = 8,
    SUBMIT = 9,
    REAP = 10
};

/* As the host's descriptors are laid out (doc/host-interface.md). */
struct part {
    u64 p, n;
};
struct frame {
    const struct part *parts;
    u32 count;
    u16 offload[6];
};

static i64 transmit(struct part part, u32 parts, u32 frames)
{
    const struct part all[2] = {part, {0}};
    const struct frame frame = {.parts = all, .count = parts};
    return attack_host(NET_TX, 0, (u64)&frame, frames);
}

struct request {
    u64 tag, offset, n, p;
    u32 op, reserved;
};
struct done {
    u64 tag;
    u32 failed, reserved;
};

enum { DISK_READ = 0, DISK_WRITE = 1, STORE = 1, BLOCK = 512 };

/* Of the disk, with the memory at `at`; a request that was taken and failed is refused. */
static i64 ask_disk(u32 op, u64 at)
{
    struct request *r = NEW(boot_arena(), struct request);
    struct done *done = NEW(boot_arena(), struct done);
    *r = (struct request){.offset = 0, .n = BLOCK, .p = at, .op = op};
    i64 answer = attack_host(SUBMIT, STORE, (u64)r, 1);
    u64 until = clock_mono_ns() + NS_PER_S;
    while (answer == 1 && clock_mono_ns() < until) {
        i64 n = attack_host(REAP, STORE, (u64)done, 1);
        if (n != 0)
            return n < 0 || done->failed ? -1 : 0;
    }
    return answer;
}

static i64 disk_no_device(void)
{
    return attack_host(SUBMIT, 99, heap(), 1);
}

static i64 disk_requests_from_kernel(void)
{
    return attack_host(SUBMIT, STORE, kernel_memory(), 1);
}

static i64 disk_done_into_text(void)
{
    return attack_host(REAP, STORE, text(), 1);
}

static i64 disk_read_into_text(void)
{
    return ask_disk(DISK_READ, text() & ~(u64)(PAGE - 1));
}

static i64 disk_read_into_constant(void)
{
    return ask_disk(DISK_READ, constant() & ~(u64)(PAGE - 1));
}

static i64 disk_read_into_boot_record(void)
{
    return ask_disk(DISK_READ, boot_record());
}

static i64 disk_read_into_bundle(void)
{
    return ask_disk(DISK_READ, bundle());
}

static i64 disk_read_into_host_code(void)
{
    return ask_disk(DISK_READ, host_code() & ~(u64)(PAGE - 1));
}

static i64 disk_read_into_kernel(void)
{
    return ask_disk(DISK_READ, kernel_memory());
}

static i64 disk_write_from_kernel(void)
{
    return ask_disk(DISK_WRITE, kernel_memory());
}

static i64 disk_write_from_null(void)
{
    return ask_disk(DISK_WRITE, null());
}

static i64 rx_no_device(void)
{
    return attack_host(NET_RX, 99, heap(), 1);
}

static i64 rx_into_text(void)
{
    return attack_host(NET_RX, 0, text(), 1);
}

static i64 rx_into_kernel(void)
{
    return attack_host(NET_RX, 0, kernel_memory(), 1);
}

static i64 rx_huge_count(void)
{
    return attack_host(NET_RX, 0, memory_end() - 64, UINT32_MAX);
}

static i64 tx_no_device(void)
{
    return attack_host(NET_TX, 99, heap(), 1);
}

static i64 tx_from_null(void)
{
    return attack_host(NET_TX, 0, null(), 1);
}

static i64 tx_from_kernel(void)
{
    return transmit((struct part){kernel_memory(), 64}, 1, 1);
}

static i64 tx_past_memory(void)
{
    return transmit((struct part){memory_end() - 32, 1024}, 1, 1);
}

static i64 tx_length_wraps(void)
{
    return transmit((struct part){heap(), UINT64_MAX}, 1, 1);
}

static i64 tx_too_many_parts(void)
{
    return transmit((struct part){heap(), 64}, UINT32_MAX, 1);
}

static i64 tx_too_many_frames(void)
{
    return attack_host(NET_TX, 0, memory_end() - 64, UINT32_MAX);
}

static i64 console_from_null(void)
{
    return attack_host(CONSOLE, null(), 64, 0);
}

static i64 console_from_kernel(void)
{
    return attack_host(CONSOLE, kernel_memory(), 64, 0);
}

static i64 console_past_memory(void)
{
    return attack_host(CONSOLE, memory_end() - 2, UINT64_MAX, 0);
}

static i64 entropy_into_null(void)
{
    return attack_host(ENTROPY, null(), 32, 0);
}

static i64 entropy_into_text(void)
{
    return attack_host(ENTROPY, text(), 32, 0);
}

static i64 entropy_too_much(void)
{
    return attack_host(ENTROPY, heap(), UINT64_MAX, 0);
}

static i64 wait_for_all(void)
{
    return attack_host(WAIT, UINT64_MAX, UINT64_MAX, 0);
}

static i64 guard_text(void)
{
    return attack_host(GUARD, text() & ~(u64)(PAGE - 1), 0, 0);
}

static i64 guard_host(void)
{
    return attack_host(GUARD, host_code() & ~(u64)(PAGE - 1), 0, 0);
}

static i64 guard_unaligned(void)
{
    return attack_host(GUARD, heap() | 1, 0, 0);
}

static i64 guard_kernel(void)
{
    return attack_host(GUARD, kernel_memory(), 0, 0);
}

static i64 exit_beyond_a_byte(void)
{
    return attack_host(EXIT, 0xffffff00, 0, 0);
}

/* ---- the table ---------------------------------------------------------------------- */

enum way { EXECUTE, READ, READ_DOWN, READ_UP, WRITE, WRITE_DOWN, WRITE_UP, JUMP, PLANT, ASK };

struct attack {
    const char *name;
    enum way way;
    u64 (*place)(void);
    void (*instruction)(void);
    i64 (*ask)(void);
};

#define INSTRUCTIONS(X)                                                                              \
    X(syscall) X(int80) X(sysenter) X(hlt) X(cli) X(sti) X(in) X(out) X(rdmsr) X(wrmsr) X(read_cr3)    \
    X(write_cr3) X(write_cr0) X(write_dr7) X(lgdt) X(lidt) X(ltr) X(invlpg) X(wbinvd) X(swapgs)        \
    X(sysret) X(clts) X(xsetbv) X(iret) X(far_call)
#define DECLARE(name) void attack_##name(void);
INSTRUCTIONS(DECLARE)
#define INSTRUCTION(name) {#name, EXECUTE, .instruction = attack_##name},
#define ASKS(function) {#function, ASK, .ask = function}

static const struct attack attacks[] = {
    {"write_text", WRITE, text},
    {"write_constant", WRITE, constant},
    {"write_relocated", WRITE, after_relocation},
    {"write_bundle", WRITE, bundle},
    {"write_boot_record", WRITE, boot_record},
    {"write_host_table", WRITE, attack_table},
    {"write_host_code", WRITE, host_code},
    {"write_null", WRITE, null},
    {"write_low_memory", WRITE, low_memory},
    {"write_interrupt_controller", WRITE, interrupt_controller},
    {"write_kernel_memory", WRITE, kernel_memory},
    {"write_past_memory", WRITE_UP, memory_end},
    {"write_below_stack", WRITE_DOWN, stack},
    {"read_below_stack", READ_DOWN, stack},
    {"read_null", READ, null},
    {"read_low_memory", READ, low_memory},
    {"read_interrupt_controller", READ, interrupt_controller},
    {"read_kernel_memory", READ, kernel_memory},
    {"read_not_canonical", READ, not_canonical},
    {"read_past_memory", READ_UP, memory_end},
    {"execute_data", PLANT, variable},
    {"execute_stack", PLANT, stack},
    {"execute_heap", PLANT, heap},
    {"execute_bundle", JUMP, bundle},
    {"execute_boot_record", JUMP, boot_record},
    {"execute_null", JUMP, null},
    {"execute_kernel_memory", JUMP, kernel_memory},
    INSTRUCTIONS(INSTRUCTION) ASKS(rx_no_device),
    ASKS(rx_into_text),
    ASKS(rx_into_kernel),
    ASKS(rx_huge_count),
    ASKS(tx_no_device),
    ASKS(tx_from_null),
    ASKS(tx_from_kernel),
    ASKS(tx_past_memory),
    ASKS(tx_length_wraps),
    ASKS(tx_too_many_parts),
    ASKS(tx_too_many_frames),
    ASKS(console_from_null),
    ASKS(console_from_kernel),
    ASKS(console_past_memory),
    ASKS(entropy_into_null),
    ASKS(entropy_into_text),
    ASKS(entropy_too_much),
    ASKS(wait_for_all),
    ASKS(guard_text),
    ASKS(guard_host),
    ASKS(guard_unaligned),
    ASKS(guard_kernel),
    ASKS(exit_beyond_a_byte),
    ASKS(disk_no_device),
    ASKS(disk_requests_from_kernel),
    ASKS(disk_done_into_text),
    ASKS(disk_read_into_text),
    ASKS(disk_read_into_constant),
    ASKS(disk_read_into_boot_record),
    ASKS(disk_read_into_bundle),
    ASKS(disk_read_into_host_code),
    ASKS(disk_read_into_kernel),
    ASKS(disk_write_from_kernel),
    ASKS(disk_write_from_null),
};

/* ---- running one ---------------------------------------------------------------------- */

static void list(void)
{
    for (size_t i = 0; i < COUNT(attacks); i++)
        say(AT(attacks, i).name);
}

/* The host answered and the image goes on: what it did with the call. */
static void say_answer(i64 answer)
{
    u8 line[64];
    struct writer w = writer_of(SPAN_OF(line));
    put_text(&w, answer < 0 ? "refused: -" : "answered ");
    put_dec(&w, answer < 0 ? (u64)-answer : (u64)answer);
    put_u8(&w, '\n');
    console_write(written(&w));
}

/* Comes back only where nothing stopped it. */
static enum err try(const struct attack *a)
{
    switch (a->way) {
    case EXECUTE:
        a->instruction();
        break;
    case READ:
        attack_load(a->place());
        break;
    case WRITE:
        attack_store(a->place(), 0);
        break;
    case JUMP:
        attack_jump(a->place());
        break;
    case PLANT:
        attack_store(a->place(), RET);
        attack_jump(a->place());
        break;
    case READ_DOWN: /* Bound: page by page, the first that faults is a guard. */
        for (u64 at = a->place();; at -= PAGE)
            attack_load(at);
    case READ_UP: /* Bound: the same. */
        for (u64 at = a->place();; at += PAGE)
            attack_load(at);
    case WRITE_UP: /* Bound: the same. */
        for (u64 at = a->place();; at += PAGE)
            attack_store(at, 0);
    case WRITE_DOWN: /* Bound: the same. */
        for (u64 at = a->place() - PAGE;; at -= PAGE)
            attack_store(at, 0);
    case ASK:
        say_answer(a->ask());
        return OK;
    }
    say("NOT STOPPED");
    return ERR_INVALID;
}

enum err appliance_main(struct scope *root)
{
    struct view name = key_text("attack");
    (void)root;
    if (view_eq(name, VIEW("list"))) {
        list();
        return OK;
    }
    for (size_t i = 0; i < COUNT(attacks); i++)
        if (view_eq(name, view_z(AT(attacks, i).name)))
            return try(&AT(attacks, i));
    say("no such attack; --attack list names them");
    return ERR_NOT_FOUND;
}
