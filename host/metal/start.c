/* From the keel to the image. */
#include "host/metal/metal.h"

#include "base/num.h"
#include "wire/seal.h"

enum { FAULT_STACK = 16 << 10, CODE_FAILED = 1 };

struct metal metal;

extern u8 metal_end[]; /* link.ld: where a pack is */

/* The compiler's names (host/guest/start.c). */
void *__stack_chk_guard __attribute__((used));
noreturn_ void __stack_chk_fail(void);
__attribute__((used)) noreturn_ void __stack_chk_fail(void)
{
    trap_with(TRAP_STACK);
}

noreturn_ void metal_fail(const char *what, const char *more)
{
    control_write(VIEW("pith: "));
    control_write(view_z(what));
    control_write(view_z(more));
    control_write(VIEW("\n"));
    machine_end(CODE_FAILED);
}

/* Its head first, which says how long it is. The answer is where it ends. */
static u64 find_pack(struct view *pack)
{
    u64 at = (u64)metal_end;
    struct view first = memory_see(at, PACK_ALIGN);
    u32 head_n = pack_head_size(first);
    if (head_n == 0 || pack_get_head(memory_see(at, head_n), &metal.pack) != OK)
        metal_fail("there is no appliance in this file; make one with `pith pack`", "");
    *pack = memory_see(at, metal.pack.pack_n);
    return at + metal.pack.pack_n;
}

/* The bundle in the image's own file, unless the pack has another one. */
static struct view open_image(struct view pack)
{
    const struct pack *p = &metal.pack;
    struct view file = view_sub(pack, p->image_at, p->image_n);
    if (elf_decode(&metal.elf, file) != OK)
        metal_fail("the image ", metal.elf.wrong);
    if (seal_check(file) != OK)
        metal_fail("the image is damaged: its checksum is wrong", "");
    return p->bundle_n > 0 ? view_sub(pack, p->bundle_at, p->bundle_n) : metal.elf.bundle;
}

/* The lowest byte is zero, so that no text that runs over copies it. */
__attribute__((no_stack_protector)) static void set_stack_guard(void)
{
    u64 guard;
    rng_fill(SPAN_OF(guard));
    __stack_chk_guard = (void *)(guard & ~(u64)0xff);
}

/* Not protected itself, since it sets the guard that protection compares with. */
__attribute__((no_stack_protector, used)) noreturn_ void metal_start(u64 boot, u64 info,
                                                                     const struct keel_public *public)
{
    static u8 fault_stack[FAULT_STACK] __attribute__((aligned(16)));
    struct view pack;
    metal.public = public;
    serial_start();
    u64 end = find_pack(&pack);
    machine_find(boot, info, end);
    serial_listen();
    rng_start();
    set_stack_guard();
    clock_measure();
    struct view bundle = open_image(pack);
    const struct host_boot *b = load_image(bundle);
    clock_ready();
    if (keel_call(KEEL_SEAL, (u64)metal_crashed, (u64)&fault_stack[FAULT_STACK - 8], 0, 0) != 0)
        metal_fail("the keel refuses to close", "");
    metal_jump(metal.base + metal.elf.entry, metal.stack.at + metal.stack.n, b);
}
