/* Lays the image and its memory out in one piece of physical memory, seen at a random
 * address, as the process host does (host/process/load.c):
 *
 *   image | guard | stack | boot record | memory | guard | window | guard …
 *
 * Guards are pages that are never mapped. All begins writable; then code, constants and
 * the boot record are closed. */
#include "base/num.h"
#include "host/metal/metal.h"
#include "sig/manifest.h"

enum { PAGE = 4096, LARGE = 2 << 20, STACK_SIZE = 64 << 10 };

/* Random addresses, in steps of a large page: from 16 TiB on, and from 96 TiB on. */
#define BASE_LOW ((u64)16 << 40)
#define BASE_STEPS ((u64)1 << 25)
#define BUNDLE_LOW ((u64)96 << 40)
#define BUNDLE_STEPS ((u64)1 << 23)

static u64 pages(u64 n)
{
    return align_up(n, PAGE);
}

static u64 info_size(void)
{
    const struct pack *p = &metal.pack;
    u64 n = sizeof(struct host_boot) + p->keys_n * sizeof(struct host_key) +
            p->devices_n * sizeof(struct host_device);
    for (u32 i = 0; i < p->keys_n; i++)
        n += AT(p->keys, i).name.n + AT(p->keys, i).value.n;
    return n;
}

static struct area take(u64 *at, u64 n)
{
    struct area a = {*at, n};
    *at += pages(n);
    return a;
}

/* Decides where everything lies; the answer is the size of it all. */
static u64 lay_out(u64 base)
{
    const struct pack *p = &metal.pack;
    u64 windows = 0, at = base + metal.elf.span + PAGE;
    for (u32 i = 0; i < p->devices_n; i++)
        windows += AT(p->devices, i).window_n;
    metal.base = base;
    metal.stack = take(&at, STACK_SIZE);
    metal.info = take(&at, info_size());
    metal.memory = take(&at, (p->memory_n - windows) & ~(u64)(PAGE - 1));
    at += PAGE;
    for (u32 i = 0; i < p->devices_n; i++) {
        AT(metal.windows, i) = take(&at, AT(p->devices, i).window_n);
        at += PAGE;
    }
    metal.run = (struct area){base, at - base};
    return at - base;
}

static u64 physical(u64 virtual)
{
    return metal.run_at + (virtual - metal.run.at);
}

/* Fresh memory of a virtual machine is zero, and stays so, and untouched, if it is read only. */
static void clear(u64 at, u64 n)
{
    for (u64 page = at; page < at + n; page += PAGE) {
        const u64 *words = (const u64 *)page;
        u64 any = 0;
        for (u32 i = 0; i < PAGE / sizeof(u64); i++)
            any |= words[i];
        if (any)
            memset((void *)page, 0, PAGE);
    }
}

static void map_area(struct area a, enum keel_access access)
{
    memory_map(a.at, physical(a.at), pages(a.n), access);
}

static void map_all(void)
{
    struct area image = {metal.base, metal.elf.span};
    map_area(image, KEEL_WRITE);
    map_area(metal.stack, KEEL_WRITE);
    map_area(metal.info, KEEL_WRITE);
    map_area(metal.memory, KEEL_WRITE);
    clear(image.at, image.n);
    clear(metal.stack.at, metal.stack.n);
    clear(metal.info.at, pages(metal.info.n));
    clear(metal.memory.at, metal.memory.n);
    for (u32 i = 0; i < metal.pack.devices_n; i++) {
        map_area(AT(metal.windows, i), KEEL_WRITE);
        clear(AT(metal.windows, i).at, pages(AT(metal.windows, i).n));
    }
}

static void load_segments(void)
{
    const struct elf *e = &metal.elf;
    struct elf_relocations it = elf_relocations_of(e);
    struct elf_relocation r;
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        copy((struct span){(u8 *)(metal.base + s->address), s->mem_n},
             view_sub(e->file, s->offset, s->file_n));
    }
    while (elf_relocation_next(&it, &r)) {
        u64 value = metal.base + r.value;
        memcpy((void *)(metal.base + r.at), &value, sizeof value);
    }
    if (it.bad)
        metal_fail("the image is damaged: its relocations make no sense", "");
}

static void protect(void)
{
    const struct elf *e = &metal.elf;
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        u64 slack = s->address % PAGE;
        struct area a = {metal.base + s->address - slack, slack + s->mem_n};
        if (!(s->flags & ELF_W))
            map_area(a, s->flags & ELF_X ? KEEL_EXECUTE : KEEL_READ);
    }
    map_area((struct area){metal.base + e->relro, e->relro_n}, KEEL_READ);
    map_area(metal.info, KEEL_READ);
}

static const char *put_text_at(u8 **at, struct view text)
{
    const char *start = (const char *)*at;
    memcpy(*at, text.p, text.n);
    *at += text.n;
    return start;
}

/* The boot record, then its keys, devices and texts. */
static const struct host_boot *write_boot(void)
{
    const struct pack *p = &metal.pack;
    struct host_boot *b = (struct host_boot *)metal.info.at;
    struct host_key *keys = (struct host_key *)(b + 1);
    struct host_device *devices = (struct host_device *)(keys + p->keys_n);
    u8 *texts = (u8 *)(devices + p->devices_n);
    for (u32 i = 0; i < p->keys_n; i++) {
        const struct pack_key *k = &AT(p->keys, i);
        keys[i] = (struct host_key){.name_n = k->name.n, .value_n = k->value.n};
        keys[i].name = put_text_at(&texts, k->name);
        keys[i].value = put_text_at(&texts, k->value);
    }
    for (u32 i = 0; i < p->devices_n; i++) {
        devices[i] = AT(metal.nets, i) ? AT(metal.nets, i)->about : AT(metal.blocks, i)->about;
        devices[i].queue_bytes = AT(p->devices, i).queue_bytes;
        devices[i].rx_window = (void *)AT(metal.windows, i).at;
        devices[i].rx_window_n = AT(metal.windows, i).n;
    }
    *b = (struct host_boot){
        .magic = HOST_MAGIC,
        .abi = HOST_ABI,
        .size = sizeof *b,
        .table = &metal_table,
        .memory = (void *)metal.memory.at,
        .memory_n = metal.memory.n,
        .bundle = metal.bundle.p,
        .bundle_n = metal.bundle.n,
        .keys = keys,
        .keys_n = p->keys_n,
        .devices = devices,
        .devices_n = p->devices_n,
    };
    rng_fill(SPAN_OF(b->entropy));
    return b;
}

static u64 random_word(void)
{
    u64 x;
    rng_fill(SPAN_OF(x));
    return x;
}

/* Where the bundle is seen: not where the rest is, nor at an address that can be told. */
static void map_bundle(struct view bundle)
{
    if (bundle.n == 0)
        return;
    u64 at = memory_physical(bundle.p);
    u64 virtual = BUNDLE_LOW + random_word() % BUNDLE_STEPS * LARGE + at % LARGE;
    memory_map(virtual, at, bundle.n, KEEL_READ);
    metal.bundle_at = at;
    metal.bundle = (struct view){(const u8 *)virtual, bundle.n};
}

static const struct virtq_memory device_memory = {memory_new, memory_physical};

static struct virtio *next_virtio(u32 kind, struct virtio *last, const char *missing)
{
    struct virtio *v = machine_virtio(kind, last);
    if (!v)
        metal_fail("the machine has too few virtio devices: it needs another ", missing);
    return v;
}

static void start_nets(void)
{
    static struct metal_net nets[PACK_DEVICES_MAX];
    struct virtio *v = NULL;
    for (u32 i = 0; i < metal.pack.devices_n; i++) {
        struct area w = AT(metal.windows, i);
        struct metal_net *n = &AT(nets, i);
        if (AT(metal.pack.devices, i).kind != DEVICE_NET)
            continue;
        v = next_virtio(VIRTIO_NET, v, "virtio-net");
        n->readable = image_readable;
        n->in_place = image_in_place;
        enum err e = metal_net_start(n, v, (struct span){(u8 *)w.at, w.n}, physical(w.at), &device_memory);
        if (e != OK)
            metal_fail("a virtio-net device is of no use: ", err_text(e));
        AT(metal.nets, i) = n;
    }
}

static void start_blocks(void)
{
    static struct metal_block blocks[PACK_DEVICES_MAX];
    struct virtio *v = NULL;
    for (u32 i = 0; i < metal.pack.devices_n; i++) {
        struct metal_block *b = &AT(blocks, i);
        if (AT(metal.pack.devices, i).kind != DEVICE_BLOCK)
            continue;
        v = next_virtio(VIRTIO_BLOCK, v, "virtio-blk");
        b->readable = image_readable;
        b->writable = image_writable;
        b->physical = image_physical;
        enum err e = metal_block_start(b, v, &device_memory);
        if (e != OK)
            metal_fail("a virtio-blk device is of no use: ", err_text(e));
        AT(metal.blocks, i) = b;
    }
}

const struct host_boot *load_image(struct view bundle)
{
    u64 size = lay_out(0);
    metal.run_at = memory_take(size, size >= LARGE ? LARGE : PAGE);
    lay_out(BASE_LOW + random_word() % BASE_STEPS * LARGE + metal.run_at % LARGE);
    map_all();
    load_segments();
    map_bundle(bundle);
    start_nets();
    start_blocks();
    const struct host_boot *b = write_boot();
    protect();
    return b;
}

/* ---- what the image may name ------------------------------------------------------------ */

static bool holds(struct area a, u64 at, u64 n)
{
    return at >= a.at && at - a.at <= a.n && n <= a.n - (at - a.at);
}

static bool in_bundle(u64 at, u64 n)
{
    return holds((struct area){(u64)metal.bundle.p, metal.bundle.n}, at, n);
}

/* A guard page among it faults, as in the image itself. */
bool image_readable(const void *p, u64 n)
{
    return holds(metal.run, (u64)p, n) || in_bundle((u64)p, n);
}

/* Its memory, its first stack and its variables. */
bool image_writable(const void *p, u64 n)
{
    if (holds(metal.memory, (u64)p, n) || holds(metal.stack, (u64)p, n))
        return true;
    for (u32 i = 0; i < metal.elf.segments_n; i++) {
        const struct elf_segment *s = &AT(metal.elf.segments, i);
        u64 low = MAX(s->address, metal.elf.relro + metal.elf.relro_n), end = s->address + s->mem_n;
        if ((s->flags & ELF_W) && low <= end && holds((struct area){metal.base + low, end - low}, (u64)p, n))
            return true;
    }
    return false;
}

u64 image_physical(const void *p)
{
    return in_bundle((u64)p, 1) ? metal.bundle_at + ((u64)p - (u64)metal.bundle.p) : physical((u64)p);
}

u64 image_in_place(const void *p, u64 n)
{
    u64 at = (u64)p;
    if (in_bundle(at, n))
        return metal.bundle_at + (at - (u64)metal.bundle.p);
    for (u32 i = 0; i < metal.elf.segments_n; i++) {
        const struct elf_segment *s = &AT(metal.elf.segments, i);
        if (!(s->flags & ELF_W) && holds((struct area){metal.base + s->address, s->mem_n}, at, n))
            return physical(at);
    }
    return 0;
}
