/* From the host's words to the image's: checks what the host passed, and calls
 * image_main with it. */
#include "host/guest/guest.h"

#include "base/num.h"

_Static_assert(sizeof(struct host_table) == HOST_FUNCTIONS * 8, "call.S counts slots");

const struct host_table *guest_table __attribute__((used));
const struct host_boot *guest_boot;

/* The compiler's names. Random from guest_start on; the code that the linker
 * generates refers to them, so it must not drop them. */
void *__stack_chk_guard __attribute__((used));
noreturn_ void __stack_chk_fail(void);
__attribute__((used)) noreturn_ void __stack_chk_fail(void)
{
    trap_with(TRAP_STACK);
}

static struct net_dev *nets[GUEST_DEVICES_MAX];

struct span guest_take(struct span *memory, size_t n)
{
    n = align_up(n, 64);
    must(memory->n >= n);
    struct span end = span_from(*memory, memory->n - n);
    *memory = span_first(*memory, memory->n - n);
    return end;
}

static struct boot_keys take_keys(const struct host_boot *b, struct span *memory)
{
    must(b->keys_n <= GUEST_KEYS_MAX);
    struct boot_keys keys = {
        (struct boot_key *)(void *)guest_take(memory, b->keys_n * sizeof(struct boot_key)).p, b->keys_n};
    for (size_t i = 0; i < keys.n; i++) {
        const struct host_key *k = &b->keys[i];
        *boot_keys_at(keys, i) =
            (struct boot_key){{(const u8 *)k->name, k->name_n}, {(const u8 *)k->value, k->value_n}};
    }
    return keys;
}

noreturn_ static __attribute__((noinline)) void run(const struct host_boot *b)
{
    struct span memory = {b->memory, b->memory_n};
    must(b->devices_n <= COUNT(nets));
    for (u32 i = 0; i < b->devices_n; i++)
        AT(nets, i) = guest_net(i, &b->devices[i], &memory);
    struct boot boot = {
        .keys = take_keys(b, &memory),
        .bundle = {b->bundle, b->bundle_n},
        .nets = {nets, b->devices_n},
    };
    boot.memory = memory;
    image_main(&boot);
}

/* Not protected itself: it sets the guard that protection compares with. The
 * guard's lowest byte is zero, so that no text that runs over copies it. */
__attribute__((no_stack_protector, used)) noreturn_ void guest_start(const struct host_boot *b)
{
    must(b->magic == HOST_MAGIC && b->abi == HOST_ABI && b->size >= sizeof *b);
    u64 guard;
    __builtin_memcpy(&guard, b->entropy, sizeof guard);
    __stack_chk_guard = (void *)(guard & ~(u64)0xff);
    guest_table = b->table;
    guest_boot = b;
    run(b);
}
