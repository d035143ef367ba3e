#include "pith/symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "pith/command.h"
#include "pith/common.h"
#include "pith/spawn.h"

enum { STT_OBJECT = 1, STT_FUNC = 2 };

static int by_address(const void *a, const void *b)
{
    const struct sized_symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->size > y->size ? -1 : x->size < y->size;
}

/* Symbols that share bytes (aliases) count once: for the first, larger one. */
static size_t without_overlap(struct sized_symbol *s, size_t n)
{
    size_t kept = 0;
    u64 end = 0;
    for (size_t i = 0; i < n; i++) {
        u64 own_end = sat_add(s[i].address, s[i].size);
        if (own_end <= end)
            continue;
        s[kept] = s[i];
        s[kept].size = own_end - MAX(end, s[i].address);
        end = own_end;
        kept++;
    }
    return kept;
}

static int collect(const struct image *i, struct symbols *out)
{
    struct elf_symbols table;
    struct elf_symbol e;
    if (elf_symbols(&i->elf, &table) != OK) {
        snprintf(out->missing, sizeof out->missing, "the image was stripped");
        return EXIT_OK;
    }
    struct sized_symbol *s = calloc(table.n + 1, sizeof *s);
    if (!s)
        return fail("out of memory");
    size_t n = 0;
    for (size_t k = 0; k < table.n; k++) {
        if (!elf_symbol_at(&table, k, &e) || e.section == 0 || e.size == 0 ||
            (e.type != STT_OBJECT && e.type != STT_FUNC))
            continue;
        const struct elf_segment *segment = elf_segment_of(&i->elf, e.address);
        if (!segment)
            continue;
        s[n++] = (struct sized_symbol){
            .name = e.name,
            .address = e.address,
            .size = e.size,
            .code = e.type == STT_FUNC,
            .in_file = e.address - segment->address < segment->file_n,
        };
    }
    qsort(s, n, sizeof *s, by_address);
    out->s = (struct sized_symbols){s, without_overlap(s, n)};
    return EXIT_OK;
}

/* A line of llvm-symbolizer's verbose answer that names a file. */
static struct view file_in(struct view line, bool code)
{
    static const char start[] = "  Function start filename: ", plain[] = "  Filename: ";
    if (code && view_starts(line, view_z(start)))
        return view_from(line, sizeof start - 1);
    if (code && view_starts(line, view_z(plain)))
        return view_from(line, sizeof plain - 1);
    if (code)
        return VIEW_NONE;
    size_t colon = line.n;
    while (colon > 0 && view_at(line, colon - 1) != ':')
        colon--;
    return colon > 1 && view_at(line, 0) != ' ' ? view_first(line, colon - 1) : VIEW_NONE;
}

/* One answer: lines up to an empty one. The last line that names a file counts: for
 * a function it is where it starts, not what was inlined there. */
static struct view take_answer(struct view *text, bool code)
{
    struct view file = VIEW_NONE;
    bool name = true;
    while (text->n > 0) {
        struct view line = view_cut(*text, '\n', text);
        if (line.n == 0)
            break;
        struct view found = name ? VIEW_NONE : file_in(line, code);
        name = false;
        if (found.n > 0)
            file = found;
    }
    return file;
}

static void keep_text(char *out, size_t room, struct view text)
{
    size_t n = MIN(text.n, room - 1);
    snprintf(out, room, "%.*s", (int)n, text.p);
}

/* Every image holds image_main of fiber/boot.c: what comes before that in its path
 * is where the rooms were compiled, and all that is elsewhere is the application. */
static struct view root_of_rooms(const struct symbols *s, const struct view *files)
{
    struct view tail = VIEW("fiber/boot.c");
    for (size_t i = 0; i < s->s.n; i++)
        if (view_eq(s->s.p[i].name, VIEW("image_main")) && view_ends(files[i], tail))
            return view_first(files[i], files[i].n - tail.n);
    return VIEW_NONE;
}

static bool is_room(struct view name)
{
    static const char *const rooms[] = {"base", "sig",   "wire", "host",      "fiber",
                                        "net",  "store", "lib",  "appliance", "test"};
    for (size_t i = 0; i < COUNT(rooms); i++)
        if (view_eq(name, view_z(rooms[i])))
            return true;
    return false;
}

static void place(struct sized_symbol *s, struct view file, struct view root)
{
    struct view rest;
    if (file.n == 0 || view_starts(file, VIEW("??")))
        return;
    if (view_eq(file, VIEW("ld-temp.o"))) {
        /* The linker's own: jump tables of control flow integrity. */
        keep_text(s->room, sizeof s->room, VIEW("linker"));
        return;
    }
    if (view_starts(file, root))
        file = view_from(file, root.n);
    if (view_starts(file, VIEW("./")))
        file = view_from(file, 2);
    struct view room = view_cut(file, '/', &rest);
    if (root.n > 0 && is_room(room)) {
        keep_text(s->room, sizeof s->room, room);
        keep_text(s->file, sizeof s->file, file);
        return;
    }
    while (view_find(file, '/') < file.n)
        (void)view_cut(file, '/', &file);
    keep_text(s->room, sizeof s->room, VIEW("application"));
    keep_text(s->file, sizeof s->file, file);
}

static bool ask(const struct symbols *s, const char *debug, int in, int out)
{
    char object[PATH_MAX + 8];
    snprintf(object, sizeof object, "--obj=%s", debug);
    const char *const words[] = {"llvm-symbolizer-19", "--no-inlines", "--verbose", object, NULL};
    for (size_t i = 0; i < s->s.n; i++)
        dprintf(in, "%s 0x%" PRIx64 "\n", s->s.p[i].code ? "CODE" : "DATA", s->s.p[i].address);
    if (lseek(in, 0, SEEK_SET) < 0)
        return false;
    pid_t pid = spawn(words, in, out, -1);
    return pid > 0 && spawn_wait(pid) == 0;
}

static void locate(const struct image *i, struct symbols *s)
{
    char debug[PATH_MAX];
    if (!debug_path(i->path, SPAN_OF(debug)) || access(debug, R_OK) != 0) {
        snprintf(s->missing, sizeof s->missing, "%.200s is not there: `pith build` writes it", debug);
        return;
    }
    int in = memory_file("addresses"), out = memory_file("files");
    struct view *files = calloc(s->s.n + 1, sizeof *files);
    if (in < 0 || out < 0 || !files || !ask(s, debug, in, out)) {
        snprintf(s->missing, sizeof s->missing, "llvm-symbolizer-19 does not run: apt-get install llvm-19");
    } else {
        struct view all = memory_file_map(out), text = all;
        for (size_t k = 0; k < s->s.n; k++)
            files[k] = take_answer(&text, s->s.p[k].code);
        struct view root = root_of_rooms(s, files);
        for (size_t k = 0; k < s->s.n; k++)
            place(&s->s.p[k], files[k], root);
        memory_file_unmap(all);
    }
    free(files);
    close(in);
    close(out);
}

int symbols_read(const struct image *i, struct symbols *out)
{
    *out = (struct symbols){0};
    int code = collect(i, out);
    if (code == EXIT_OK && !out->missing[0])
        locate(i, out);
    return code;
}

void symbols_free(struct symbols *s)
{
    free(s->s.p);
    *s = (struct symbols){0};
}
