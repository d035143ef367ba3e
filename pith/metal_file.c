#include "pith/metal_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "pith/command.h"
#include "wire/pack.h"

/* The file of keel and drivers (metal_elf.S). */
extern const u8 metal_elf[], metal_elf_end[];

enum { PT_NULL = 0, PT_LOAD = 1, PHDR_SIZE = 56, E_PHOFF = 32, E_PHNUM = 56, MIB = 1 << 20 };

/* What the machine takes besides: the first MiB, what drivers allocate, firmware tables. */
enum { MACHINE_KIB = 1024, DRIVERS_KIB = 1536, IMAGE_KIB = 256 };

/* Of a machine's memory, so much lies below 4 GiB. */
#define LOW_MIN ((u64)2 << 30)
#define LOW_MAX ((u64)3 << 30)

static struct view base_file(void)
{
    return (struct view){metal_elf, (size_t)(metal_elf_end - metal_elf)};
}

struct layout {
    u64 address; /* physical, of the pack */
    u64 at;      /* in the file */
    u64 header;  /* the free program header */
};

/* The drivers look for the pack where their own memory ends. */
static struct layout lay_out(struct view base)
{
    struct layout l = {.at = align_up(base.n, PACK_ALIGN)};
    u64 at = load_le64(base, E_PHOFF);
    for (u16 n = load_le16(base, E_PHNUM); n > 0; n--, at += PHDR_SIZE) {
        struct view p = view_sub(base, at, PHDR_SIZE);
        u32 type = load_le32(p, 0);
        if (type == PT_NULL)
            l.header = at;
        if (type == PT_LOAD)
            l.address = align_up(load_le64(p, 24) + load_le64(p, 40), PACK_ALIGN);
    }
    must(l.header > 0 && l.address > 0);
    return l;
}

static struct pack describe(const struct process_plan *plan, size_t head_n)
{
    const struct elf *e = plan->elf;
    bool own_bundle = plan->bundle.p == e->bundle.p;
    struct pack p = {
        .name = view_z(plan->name),
        .image_at = align_up(head_n, PACK_ALIGN),
        .image_n = e->file.n,
        .memory_n = plan->memory_n,
        .devices_n = (u32)plan->devices_n,
        .keys_n = (u32)plan->keys_n,
    };
    p.pack_n = p.image_at + p.image_n;
    if (!own_bundle && plan->bundle.n > 0) {
        p.bundle_at = align_up(p.pack_n, PACK_ALIGN);
        p.bundle_n = plan->bundle.n;
        p.pack_n = p.bundle_at + p.bundle_n;
    }
    for (size_t i = 0; i < plan->devices_n; i++) {
        const struct process_device *d = &plan->devices[i];
        p.devices[i] = (struct pack_device){
            .kind = d->kind,
            .window_n = (u32)d->rx_window_n,
            .queue_bytes = d->net ? d->net->about.queue_bytes : 0,
        };
    }
    for (size_t i = 0; i < plan->keys_n; i++) {
        const struct host_key *k = &plan->keys[i];
        p.keys[i] = (struct pack_key){{(const u8 *)k->name, k->name_n}, {(const u8 *)k->value, k->value_n}};
    }
    return p;
}

static int write_at(const char *path, int fd, u64 at, struct view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)at);
        if (n <= 0)
            return fail("%s: cannot be written: %s", path, strerror(n < 0 ? errno : ENOSPC));
        bytes = view_from(bytes, (size_t)n);
        at += (u64)n;
    }
    return EXIT_OK;
}

/* The program header that makes boot loaders load the pack. */
static void put_header(struct span header, const struct layout *l, u64 n)
{
    struct writer w = writer_of(header);
    put_le32(&w, PT_LOAD);
    put_le32(&w, ELF_R);
    put_le64(&w, l->at);
    put_le64(&w, l->address);
    put_le64(&w, l->address);
    put_le64(&w, n);
    put_le64(&w, n);
    put_le64(&w, PACK_ALIGN);
    must(!w.full);
}

int metal_file_write(const struct process_plan *plan, const char *path, int fd)
{
    static u8 head[PACK_HEAD_MAX];
    struct view base = base_file();
    struct layout l = lay_out(base);
    struct pack p = describe(plan, 0);
    struct writer w = writer_of(SPAN_OF(head));
    pack_put_head(&w, &p); /* once for its size */
    p = describe(plan, w.n);
    w = writer_of(SPAN_OF(head));
    pack_put_head(&w, &p);
    if (w.full)
        return fail("%s: the keys' values take more than %d KiB", path, PACK_HEAD_MAX >> 10);
    u8 header[PHDR_SIZE];
    put_header(SPAN_OF(header), &l, p.pack_n);
    int code = write_at(path, fd, 0, base);
    if (code == EXIT_OK)
        code = write_at(path, fd, l.header, VIEW_OF(header));
    if (code == EXIT_OK)
        code = write_at(path, fd, l.at, written(&w));
    if (code == EXIT_OK)
        code = write_at(path, fd, l.at + p.image_at, plan->elf->file);
    if (code == EXIT_OK && p.bundle_n > 0)
        code = write_at(path, fd, l.at + p.bundle_at, plan->bundle);
    return code;
}

u64 metal_file_memory_mib(const struct process_plan *plan)
{
    u64 n = (u64)(MACHINE_KIB + DRIVERS_KIB + IMAGE_KIB) << 10;
    n += plan->elf->file.n + plan->elf->span + plan->memory_n;
    if (plan->bundle.p != plan->elf->bundle.p)
        n += plan->bundle.n;
    n += plan->devices_n * ((u64)512 << 10);
    n += n / 512 * 2; /* page tables */
    if (n > LOW_MIN)  /* the image's memory is one piece, behind the addresses of devices */
        n += LOW_MAX;
    return (n + MIB - 1) / MIB;
}
