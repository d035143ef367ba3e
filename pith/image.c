#include "pith/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "pith/command.h"
#include "pith/output.h"
#include "wire/bundle.h"
#include "wire/elf_bundle.h"
#include "wire/seal.h"

static int map_fd(const char *path, int fd, struct mapped *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail("%s: is not a file", path);
    *out = (struct mapped){.mode = st.st_mode & 0777};
    if (st.st_size == 0)
        return fail("%s: is empty", path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return fail("%s: %s", path, strerror(errno));
    out->bytes = (struct view){p, (size_t)st.st_size};
    return EXIT_OK;
}

int map_file(const char *path, struct mapped *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail("%s: %s", path, strerror(errno));
    int code = map_fd(path, fd, out);
    close(fd);
    return code;
}

void unmap_file(struct mapped *m)
{
    if (m->bytes.n > 0)
        munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
    *m = (struct mapped){0};
}

/* A file that is no image at all is told so before its seal is missed. */
static int check_seal(const char *path, struct view file)
{
    switch (seal_check(file)) {
    case OK:
        return EXIT_OK;
    case ERR_NOT_FOUND:
        return fail("%s: has no seal: it is cut off, or a tool such as strip changed it; build it again",
                    path);
    case ERR_UNSUPPORTED:
        return fail("%s: is sealed by another version of pith; build it again", path);
    default:
        return fail("%s: is damaged: its checksum is wrong; build it or copy it again", path);
    }
}

int image_decode(struct image *i, const char *path, struct mapped file)
{
    const char *wrong;
    i->path = path; /* not all of *i at once: its manifest is large, and a start counts pages */
    i->file = file;
    i->bundle_header = (struct bundle_header){0};
    if (elf_decode(&i->elf, file.bytes) != OK)
        return fail("%s: %s", path, i->elf.wrong);
    int code = check_seal(path, file.bytes);
    if (code != EXIT_OK)
        return code;
    if (manifest_decode(&i->elf, &i->manifest, &wrong) != OK)
        return fail("%s: %s", path, wrong);
    i->bundle = i->elf.bundle;
    if (i->bundle.n > 0 && (bundle_get_header(i->bundle, &i->bundle_header) != OK ||
                            bundle_validate(i->bundle, &i->bundle_header) != OK))
        return fail("%s: its bundle is damaged or of another version; add it again with `pith bundle`", path);
    return EXIT_OK;
}

int bundle_check(const char *path, struct view bytes, struct bundle_header *out)
{
    enum err e = bundle_get_header(bytes, out);
    if (e == ERR_UNSUPPORTED)
        return fail("%s: is a bundle of another version; make it again with `pith bundle`", path);
    if (e == OK)
        e = out->index_at <= SEAL_COVERS_BODIES ? bundle_verify(bytes, out) : bundle_verify_index(bytes, out);
    return e == OK ? EXIT_OK
                   : fail("%s: is no bundle, or a damaged one; make it again with `pith bundle`", path);
}

int image_open(struct image *i, const char *path)
{
    struct mapped file;
    int code = map_file(path, &file);
    if (code != EXIT_OK)
        return code;
    code = image_decode(i, path, file);
    if (code != EXIT_OK)
        image_close(i);
    return code;
}

void image_close(struct image *i)
{
    unmap_file(&i->file);
}

static int write_all(const char *path, int fd, u64 at, struct view bytes)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)at);
        if (n <= 0)
            return fail("%s: cannot be written: %s", path, strerror(n < 0 ? errno : ENOSPC));
        bytes = view_from(bytes, (size_t)n);
        at += (size_t)n;
    }
    return EXIT_OK;
}

/* What the seal leaves to the bundle's own checksums: the bodies, if they are many. */
static struct view uncovered(const struct elf *e)
{
    struct bundle_header h;
    if (e->bundle.n == 0 || bundle_get_header(e->bundle, &h) != OK ||
        h.index_at - BUNDLE_HEADER_SIZE <= SEAL_COVERS_BODIES)
        return VIEW_NONE;
    return view_sub(e->bundle, BUNDLE_HEADER_SIZE, h.index_at - BUNDLE_HEADER_SIZE);
}

int image_seal(const char *path, int fd)
{
    struct mapped m;
    struct elf elf;
    u8 seal[SEAL_SIZE];
    int code = map_fd(path, fd, &m);
    if (code != EXIT_OK)
        return code;
    struct view file = seal_strip(m.bytes);
    if (elf_decode(&elf, file) == OK) {
        struct view skip = uncovered(&elf);
        u64 skip_at = skip.n > 0 ? elf.bundle_offset + BUNDLE_HEADER_SIZE : 0;
        seal_make(file, skip_at, skip.n, SPAN_OF(seal));
        code = write_all(path, fd, file.n, VIEW_OF(seal));
    } else {
        code = fail("%s: %s", path, elf.wrong);
    }
    unmap_file(&m);
    return code;
}

/* The image without seal and bundle. Both come last, for this reason. */
static struct view bare(const struct image *i)
{
    struct view file = seal_strip(i->file.bytes);
    return i->bundle.n > 0 ? view_first(file, i->elf.bundle_offset) : file;
}

/* The bundle moves up to where the symbols were. */
static int put_stripped(const struct image *i, const struct output *o)
{
    struct view file = view_first(i->file.bytes, elf_stripped_size(&i->elf));
    u64 at = align_up(file.n, ELF_PAGE);
    u8 start[ELF_PAGE];
    struct span head = span_first(SPAN_OF(start), MIN(file.n, sizeof start));
    copy(head, view_first(file, head.n));
    if (elf_put_stripped(head) != OK || (i->bundle.n > 0 && elf_put_bundle(head, at, i->bundle.n) != OK))
        return fail("%s: its header makes no sense; build it again", i->path);
    int code = write_all(o->path, o->fd, 0, file);
    if (code == EXIT_OK)
        code = write_all(o->path, o->fd, 0, view_of(head));
    if (code == EXIT_OK)
        code = write_all(o->path, o->fd, at, i->bundle);
    return code == EXIT_OK ? image_seal(o->path, o->fd) : code;
}

int image_strip(const char *path, const char *out)
{
    static struct image image;
    struct output o;
    int code = image_open(&image, path);
    if (code != EXIT_OK)
        return code;
    code = output_open(&o, out, image.file.mode);
    if (code == EXIT_OK) {
        code = put_stripped(&image, &o);
        if (code == EXIT_OK)
            code = output_commit(&o);
        else
            output_abandon(&o);
    }
    image_close(&image);
    return code;
}

static int put_image(const struct image *i, const char *dir, const struct bundle_options *options,
                     const struct output *o)
{
    struct view file = bare(i);
    u64 size = 0, at = align_up(file.n, ELF_PAGE);
    u8 start[ELF_PAGE];
    struct view head = view_first(file, MIN(file.n, sizeof start));
    copy(SPAN_OF(start), head);
    int code = bundle_write(dir, options, o->fd, at, &size);
    if (code != EXIT_OK)
        return code;
    if (elf_put_bundle(span_first(SPAN_OF(start), head.n), at, size) != OK)
        return fail("%s: has no room for a bundle; build it again with this version of pith", i->path);
    code = write_all(o->path, o->fd, 0, file);
    if (code == EXIT_OK)
        code = write_all(o->path, o->fd, 0, view_first(VIEW_OF(start), head.n));
    return code == EXIT_OK ? image_seal(o->path, o->fd) : code;
}

int image_with_bundle(const struct image *i, const char *dir, const struct bundle_options *options,
                      const char *out)
{
    struct output o;
    if (!(i->manifest.about.flags & MANIFEST_BUNDLE))
        return fail("%s: %s takes no files; a bundle is of no use to it", i->path, i->manifest.about.name);
    int code = output_open(&o, out, i->file.mode);
    if (code != EXIT_OK)
        return code;
    code = put_image(i, dir, options, &o);
    if (code == EXIT_OK)
        return output_commit(&o);
    output_abandon(&o);
    return code;
}
