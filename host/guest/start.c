/* From the host's words to the image's: checks what the host passed, and calls
 * image_main with it. */
#include "host/guest/guest.h"

#include "base/num.h"

_Static_assert(sizeof(struct host_table) == HOST_FUNCTIONS * 8, "call.S counts slots");

const struct host_table *guest_table __attribute__((used));

/* The compiler's names. Random from guest_start on; the code that the linker
 * generates refers to them, so it must not drop them. */
void *__stack_chk_guard __attribute__((used));
noreturn_ void __stack_chk_fail(void);
__attribute__((used)) noreturn_ void __stack_chk_fail(void)
{
    trap_with(TRAP_STACK);
}

static struct boot_key keys[GUEST_KEYS_MAX];
static struct net_dev *nets[GUEST_DEVICES_MAX];

noreturn_ static __attribute__((noinline)) void run(const struct host_boot *b)
{
    must(b->keys_n <= COUNT(keys) && b->devices_n <= COUNT(nets));
    for (size_t i = 0; i < b->keys_n; i++) {
        const struct host_key *k = &b->keys[i];
        AT(keys, i) = (struct boot_key){{(const u8 *)k->name, k->name_n}, {(const u8 *)k->value, k->value_n}};
    }
    struct span memory = {b->memory, b->memory_n};
    for (u32 i = 0; i < b->devices_n; i++)
        AT(nets, i) = guest_net(i, &b->devices[i], &memory);
    const struct boot boot = {
        .memory = memory,
        .bundle = {b->bundle, b->bundle_n},
        .keys = {keys, b->keys_n},
        .nets = {nets, b->devices_n},
    };
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
    run(b);
}
