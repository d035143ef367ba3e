/* From struct boot to appliance_main. An image starts once, so what it was given
 * is kept here, in the one place that every part of it may ask. */
#include "base/fmt.h"
#include "base/num.h"
#include "base/quantity.h"
#include "fiber/appliance.h"
#include "fiber/loop.h"
#include "sig/console.h"

static struct {
    const struct boot *boot;
    struct arena arena;
} image;

struct arena *boot_arena(void)
{
    return &image.arena;
}

struct view boot_bundle(void)
{
    return image.boot->bundle;
}

u32 boot_connections(void)
{
    const struct manifest *m = appliance_manifest;
    u64 given_kib = image.boot->memory.n / 1024, wanted_kib = MAX(m->mem_kib, (u32)1);
    return (u32)MIN(MAX(m->connections * given_kib / wanted_kib, (u64)m->connections), (u64)UINT32_MAX);
}

struct net_dev *boot_net(u32 number)
{
    return number < image.boot->nets.n ? *boot_nets_at(image.boot->nets, number) : NULL;
}

/* ---- keys ------------------------------------------------------------------ */

struct view key_text(const char *name)
{
    struct view wanted = view_z(name);
    for (size_t i = 0; i < image.boot->keys.n; i++) {
        const struct boot_key *key = boot_keys_at(image.boot->keys, i);
        if (view_eq(key->name, wanted))
            return key->value;
    }
    trap_with(TRAP_MUST);
}

/* `pith` has checked every value against its key's type: only a host that does not
 * keep that promise gets here. */
static noreturn_ void bad_key(const char *name, enum err e)
{
    say_err(name, e);
    boot_exit(1);
}

u64 key_number(const char *name)
{
    u64 x = 0;
    enum err e = view_to_size(key_text(name), &x);
    if (e != OK)
        bad_key(name, e);
    return x;
}

bool key_flag(const char *name)
{
    struct view v = key_text(name);
    if (!view_eq(v, VIEW("true")) && !view_eq(v, VIEW("false")))
        bad_key(name, ERR_MALFORMED);
    return view_eq(v, VIEW("true"));
}

u64 key_duration_ns(const char *name)
{
    u64 ms = 0;
    enum err e = view_to_duration_ms(key_text(name), &ms);
    if (e == OK && ckd_mul(&ms, ms, NS_PER_MS))
        e = ERR_RANGE;
    if (e != OK)
        bad_key(name, e);
    return ms;
}

/* ---- the first fiber --------------------------------------------------------- */

static void first_fiber(void *result)
{
    SCOPE(root, appliance_manifest->name);
    *(enum err *)result = appliance_main(&root);
}

/* Why it ends, and where the user can do something about it, what. */
static void say_end(const char *name, enum err e)
{
    u8 line[160];
    struct writer w = writer_of(SPAN_OF(line));
    put_text(&w, name);
    put_text(&w, ": ");
    put_text(&w, err_text(e));
    put_text(&w, e == ERR_NO_MEMORY ? ": give it more with --mem\n" : "\n");
    console_write(written(&w));
}

void image_main(const struct boot *boot)
{
    image.boot = boot;
    arena_init_zeroed(&image.arena, boot->memory);
    const struct manifest *m = appliance_manifest;
    enum err e = fibers_init(&image.arena, m->fibers + 1, (size_t)m->stack_kib * 1024);
    if (e == OK)
        loop_run(first_fiber, &e);
    if (e != OK)
        say_end(m->name, e);
    boot_exit(e != OK);
}
