/* The file that is released, mapped and relocated as a host does it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fuzz/internal.h"
#include "wire/seal.h"

noreturn_ static void refuse(const char *what, const char *why)
{
    fprintf(stderr, "fuzz: %s: %s\n", what, why);
    exit(1);
}

static struct view map_file(const char *path)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0 || s.st_size == 0)
        refuse(path, "cannot be read");
    const u8 *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        refuse(path, "cannot be mapped");
    close(fd);
    return (struct view){p, (size_t)s.st_size};
}

static void relocate(const struct elf *e, u8 *base)
{
    struct elf_relocations it = elf_relocations_of(e);
    struct elf_relocation r;
    while (elf_relocation_next(&it, &r)) {
        u64 value = (u64)(uintptr_t)base + r.value;
        memcpy(base + r.at, &value, sizeof value);
    }
    must(!it.bad);
}

/* What of the writable segments may change while it runs, and how it was before. */
static void keep_initial(struct fuzz_image *out, const struct elf *e, u8 *base)
{
    size_t n = 0;
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        if (!(s->flags & ELF_W))
            continue;
        if (n == COUNT(out->data))
            refuse(out->manifest.about.name, "has more writable segments than were expected");
        u8 *initial = malloc(s->mem_n);
        must(initial);
        memcpy(initial, base + s->address, s->mem_n);
        AT(out->data, n++) = (struct fuzz_area){base + s->address, s->mem_n, initial};
    }
}

static struct view read_image(struct elf *e, const char *path)
{
    struct view file = map_file(path);
    if (seal_check(file) != OK)
        refuse(path, "is damaged");
    if (elf_decode(e, seal_strip(file)) != OK)
        refuse(path, e->wrong);
    return e->bundle;
}

struct view fuzz_bundle(const char *path)
{
    static struct elf e;
    return read_image(&e, path);
}

void fuzz_load(struct fuzz_image *out, const char *path)
{
    static struct elf e;
    const char *wrong;
    *out = (struct fuzz_image){0};
    read_image(&e, path);
    if (manifest_decode(&e, &out->manifest, &wrong) != OK)
        refuse(path, wrong);
    u8 *base = mmap(NULL, e.span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(base != MAP_FAILED);
    for (u32 i = 0; i < e.segments_n; i++)
        memcpy(base + e.segments[i].address, e.file.p + e.segments[i].offset, e.segments[i].file_n);
    relocate(&e, base);
    keep_initial(out, &e, base);
    for (u32 i = 0; i < e.segments_n; i++) {
        const struct elf_segment *s = &e.segments[i];
        u64 low = s->address & ~(u64)(ELF_PAGE - 1);
        int access = (s->flags & ELF_X ? PROT_EXEC : 0) | (s->flags & ELF_W ? PROT_WRITE : 0) | PROT_READ;
        must(mprotect(base + low, s->address + s->mem_n - low, access) == 0);
    }
    out->code = (struct view){base, e.span};
    out->entry = (void (*)(const struct host_boot *))(uintptr_t)(base + e.entry);
}
