/* Lays the image and its memory out in one reservation of address space, which
 * the kernel places at random:
 *
 *   image | guard | stack | guard | memory | guard | window | guard … | shim
 *
 * The boot record lies in the image's last page of relocated constants or, where it does not
 * fit there, in place of the second guard, as it is read-only too. The image's code and constants
 * are mappings of its file, so that debuggers, profilers and core files find its
 * symbols; its little data is copied. A call that maps or protects costs as much as
 * a page fault, some 4 µs, so all begins writable and the exceptions are closed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/num.h"
#include "host/process/internal.h"
#include "sig/manifest.h"

enum { STACK_SIZE = 64 * 1024 };

START_BSS struct process process;

static bool refuse(char *error, size_t error_n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_n, format, args);
    va_end(args);
    return false;
}

static size_t pages(size_t n)
{
    return align_up(n, ELF_PAGE);
}

static size_t texts_size(const struct process_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->keys_n; i++)
        n += plan->keys[i].name_n + plan->keys[i].value_n;
    return n;
}

static size_t info_size(const struct process_plan *plan)
{
    return sizeof(struct host_boot) + plan->keys_n * sizeof(struct host_key) +
           plan->devices_n * sizeof(struct host_device) + texts_size(plan);
}

/* The next n bytes of the reservation. */
static struct area take(u8 **at, size_t n)
{
    struct area a = {*at, n};
    *at += pages(n);
    return a;
}

/* What is left of the last page of relocated constants, if the boot record fits: one call
 * then closes both. Behind the constants their segment has no more, and the next one begins
 * with a page of its own. */
static struct area behind_constants(const struct process_plan *plan)
{
    const struct elf *e = plan->elf;
    const struct elf_segment *s = e->relro_n > 0 ? elf_segment_of(e, e->relro) : NULL;
    u64 end = e->relro + e->relro_n, n = info_size(plan);
    if (!s || align_up(s->address + s->mem_n, ELF_PAGE) != end)
        return (struct area){0};
    u64 at = align_up(s->address + s->file_n, _Alignof(struct host_boot));
    return at <= end && n <= end - at ? (struct area){process.base + at, n} : (struct area){0};
}

/* Decides where everything lies; the answer is the size of it all. */
static size_t lay_out(const struct process_plan *plan, size_t shim_n, u8 *base)
{
    u64 windows = 0;
    u8 *at = base + plan->elf->span + ELF_PAGE;
    for (size_t i = 0; i < plan->devices_n; i++)
        windows += plan->devices[i].rx_window_n;
    process.base = base;
    process.stack = take(&at, STACK_SIZE);
    process.info = behind_constants(plan);
    if (process.info.n == 0)
        process.info = take(&at, info_size(plan));
    else
        at += ELF_PAGE;
    process.memory = take(&at, (plan->memory_n - windows) & ~(u64)(ELF_PAGE - 1));
    at += ELF_PAGE;
    for (size_t i = 0; i < plan->devices_n; i++) {
        process.windows[i] = take(&at, plan->devices[i].rx_window_n);
        at += ELF_PAGE;
    }
    process.shim = take(&at, shim_n);
    process.all = (struct area){base, (size_t)(at - base)};
    return process.all.n;
}

/* Kernels from 6.13 on mark guard pages in the page table; before that each is a
 * mapping of its own, which costs three times as much. */
bool process_guard(void *page)
{
    enum { MADVISE_GUARD_INSTALL = 102 };
    if (!process.guards_are_mappings && madvise(page, ELF_PAGE, MADVISE_GUARD_INSTALL) == 0)
        return true;
    process.guards_are_mappings = true;
    return mprotect(page, ELF_PAGE, PROT_NONE) == 0;
}

static bool close_guards(const struct process_plan *plan)
{
    u8 *above = process.stack.p + process.stack.n; /* a guard, or the boot record, which is as good */
    bool closed = process_guard(process.base + plan->elf->span) &&
                  (process.info.p == above || process_guard(above)) &&
                  process_guard(process.memory.p + process.memory.n);
    for (size_t i = 0; i < plan->devices_n && closed; i++)
        closed = process_guard(process.windows[i].p + pages(process.windows[i].n));
    return closed;
}

static bool read_only(u8 *p, size_t n)
{
    return n == 0 || mprotect(p, pages(n), PROT_READ) == 0;
}

static bool close_constants(const struct elf *e)
{
    bool among_them = process.info.p < process.base + e->span;
    return read_only(process.base + e->relro, e->relro_n) &&
           (among_them || read_only(process.info.p, process.info.n));
}

/* Writable segments lie in the reservation, which is zero where the file has nothing. */
static bool map_segment(const struct process_plan *plan, const struct elf_segment *s)
{
    u64 slack = s->address % ELF_PAGE;
    u8 *start = process.base + s->address - slack;
    if (s->flags & ELF_W) {
        if (s->file_n > 0)
            memcpy(start + slack, plan->elf->file.p + s->offset, s->file_n);
        return true;
    }
    bool here = process.shim.n == 0;
    int access = (s->flags & ELF_R ? PROT_READ : 0) | (s->flags & ELF_X && here ? PROT_EXEC : 0);
    return mmap(start, pages(slack + s->file_n), access, MAP_PRIVATE | MAP_FIXED, plan->image_fd,
                (off_t)(s->offset - slack)) != MAP_FAILED;
}

static bool relocate(const struct elf *e)
{
    struct elf_relocations it = elf_relocations_of(e);
    struct elf_relocation r;
    while (elf_relocation_next(&it, &r)) {
        u64 value = (u64)process.base + r.value;
        memcpy(process.base + r.at, &value, sizeof value);
    }
    return !it.bad;
}

static bool map_image(const struct process_plan *plan, char *error, size_t error_n)
{
    const struct elf *e = plan->elf;
    for (u32 i = 0; i < e->segments_n; i++)
        if (!map_segment(plan, &e->segments[i]))
            return refuse(error, error_n, "the image could not be mapped: %m");
    if (!relocate(e))
        return refuse(error, error_n, "the image is damaged: its relocations make no sense; build it again");
    return true;
}

static char *put_text_at(char **at, const char *text, size_t n)
{
    char *start = *at;
    memcpy(start, text, n);
    *at += n;
    return start;
}

/* What struct process_net says of a device, with the window it gets here. */
static struct host_device describe(size_t index)
{
    if (process.blocks[index])
        return process.blocks[index]->about;
    if (!process.nets[index])
        return (struct host_device){0};
    struct host_device d = process.nets[index]->about;
    d.kind = DEVICE_NET;
    d.rx_window = process.windows[index].p;
    d.rx_window_n = process.windows[index].n;
    process.nets[index]->about = d;
    return d;
}

/* The boot record, then its keys, devices and texts; nothing of it may change
 * while the image runs. */
static const struct host_boot *write_boot(const struct process_plan *plan)
{
    struct host_boot *b = (struct host_boot *)process.info.p;
    struct host_key *keys = (struct host_key *)(b + 1);
    struct host_device *devices = (struct host_device *)(keys + plan->keys_n);
    char *texts = (char *)(devices + plan->devices_n);
    for (size_t i = 0; i < plan->keys_n; i++) {
        keys[i] = plan->keys[i];
        keys[i].name = put_text_at(&texts, keys[i].name, keys[i].name_n);
        keys[i].value = put_text_at(&texts, keys[i].value, keys[i].value_n);
    }
    for (size_t i = 0; i < plan->devices_n; i++)
        devices[i] = describe(i);
    *b = (struct host_boot){
        .magic = HOST_MAGIC,
        .abi = HOST_ABI,
        .size = sizeof *b,
        .table = process.shim.n > 0 ? (const struct host_table *)process.shim.p : &process_table,
        .memory = process.memory.p,
        .memory_n = process.memory.n,
        .bundle = plan->bundle.p,
        .bundle_n = plan->bundle.n,
        .keys = keys,
        .keys_n = plan->keys_n,
        .devices = devices,
        .devices_n = plan->devices_n,
    };
    return getrandom(b->entropy, sizeof b->entropy, 0) == sizeof b->entropy ? b : NULL;
}

bool process_load(const struct process_plan *plan, size_t shim_n, const struct host_boot **boot, char *error,
                  size_t error_n)
{
    process.name = plan->name;
    process.path = plan->path;
    process.host = plan->host;
    process.elf = plan->elf;
    process.bundle = plan->bundle;
    process.debug = plan->debug;
    process.core = plan->core;
    process.spin_ns = (u64)plan->spin_us * 1000;
    process.devices_n = (u32)plan->devices_n;
    for (size_t i = 0; i < plan->devices_n; i++) {
        process.nets[i] = plan->devices[i].net;
        process.blocks[i] = plan->devices[i].block;
    }

    size_t size = lay_out(plan, shim_n, NULL);
    u8 *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return refuse(error, error_n,
                      "the system has no %zu KiB of memory for it: %m; ask for less with --mem", size >> 10);
    lay_out(plan, shim_n, base);
    if (!map_image(plan, error, error_n))
        return false;
    *boot = write_boot(plan);
    if (!*boot)
        return refuse(error, error_n, "the system gives no entropy: %m");
    if (!close_guards(plan) || !close_constants(plan->elf))
        return refuse(error, error_n, "its memory could not be protected: %m");
    return true;
}
