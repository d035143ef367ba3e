/* `pith symbolize`: turns the addresses of a crash report into functions, inlined ones
 * too, files and lines, with the debug information that was made with the image. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fmt.h"
#include "host/report/report.h"
#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/retell.h"

enum { REPORT_BYTES_MAX = 1 << 20, ID_MAX = 64 };

static const char help[] =
    "usage: pith symbolize [IMAGE] <REPORT\n"
    "       pith symbolize IMAGE ADDRESS…\n"
    "\n"
    "Prints a crash report again, with functions, inlined functions, files and lines of\n"
    "source in place of its addresses; or tells them of single addresses such as 0x1431,\n"
    "counted from the image's first byte as a report does (image+0x1431). The report may\n"
    "stand within other lines of a log.\n"
    "\n"
    "IMAGE is an image, of which NAME.debug lies beside NAME.pith, or that debug file\n"
    "itself, or a name of the catalogue. Without it, the report's own name is looked for,\n"
    "here and in the catalogue. The report must be of the same build: a stripped image\n"
    "crashes far away, and its .debug file stays with who built it.\n";

/* What tells names, and for how long its files are mapped. */
struct source {
    const char *path; /* of the file that tells most */
    struct mapped image_file, debug_file;
    struct elf image, debug;
    struct report_names names;
    char id[ID_MAX + 1];
};

static void hex_id(struct view id, char out[ID_MAX + 1])
{
    struct writer w = writer_of((struct span){(u8 *)out, ID_MAX});
    put_hex_bytes(&w, view_first(id, id.n < ID_MAX / 2 ? id.n : ID_MAX / 2));
    out[w.n] = 0;
}

static int map_elf(const char *path, struct mapped *file, struct elf *out)
{
    int code = map_file(path, file);
    if (code == EXIT_OK && elf_decode(out, file->bytes) != OK)
        code = fail("%s: %s", path, out->wrong);
    return code;
}

/* An image and what lies beside it, or a debug file alone. */
static int open_source(struct source *s, const char *path)
{
    static char beside[PATH_MAX];
    struct dwarf lines;
    s->path = path;
    int code = map_elf(path, &s->image_file, &s->image);
    if (code != EXIT_OK)
        return code;
    hex_id(elf_build_id(&s->image), s->id);
    if (dwarf_sections(&s->image, &lines) == OK) {
        s->names = report_names_of(NULL, &s->image);
        return EXIT_OK;
    }
    bool there = debug_path(path, SPAN_OF(beside)) && access(beside, R_OK) == 0;
    if (there && (code = map_elf(beside, &s->debug_file, &s->debug)) != EXIT_OK)
        return code;
    s->names = report_names_of(&s->image, there ? &s->debug : NULL);
    if (s->names.lines.info.n > 0)
        return EXIT_OK;
    const char *why = there ? "is of another build than the image" : "is not there";
    if (s->names.symbols.n == 0)
        return fail("%s is stripped, and %s %s: name the .debug file that was made with it", path, beside,
                    why);
    fprintf(stderr, "pith: %s %s: functions are told, but no lines\n", beside, why);
    return EXIT_OK;
}

static void close_source(struct source *s)
{
    unmap_file(&s->image_file);
    unmap_file(&s->debug_file);
}

/* ---- a report ---------------------------------------------------------------------- */

/* What the first line of the text that says `words` says after them. */
static struct view find(struct view text, struct view words, u8 end)
{
    struct view found = VIEW_NONE;
    while (text.n > 0 && found.n == 0)
        found = retell_after(view_cut(text, '\n', &text), words, end);
    return found;
}

static int read_report(struct view *out)
{
    static u8 text[REPORT_BYTES_MAX];
    size_t n = 0;
    for (ssize_t got; n < sizeof text && (got = read(STDIN_FILENO, text + n, sizeof text - n)) != 0;) {
        if (got < 0 && errno != EINTR)
            return fail("the report cannot be read: %s", strerror(errno));
        n += got > 0 ? (size_t)got : 0;
    }
    *out = (struct view){text, n};
    if (find(*out, VIEW("(image+0x"), ')').n == 0)
        return fail("what was given is no crash report: no line of it says (image+0x…)");
    return EXIT_OK;
}

/* The image of the report's name: here, or in the catalogue. */
static const char *find_named(struct view name)
{
    static char path[PATH_MAX];
    static const char *const endings[] = {"debug", "pith"};
    if (name.n == 0 || view_find(name, '/') < name.n || view_find_control(name) < name.n)
        return NULL;
    for (size_t i = 0; i < COUNT(endings); i++) {
        snprintf(path, sizeof path, "./%.*s.%s", (int)name.n, name.p, endings[i]);
        if (access(path, R_OK) == 0)
            return path;
    }
    snprintf(path, sizeof path, "%.*s", (int)name.n, name.p);
    return find_image(path);
}

static int symbolize_report(struct source *s, const char *image)
{
    struct view report, rest;
    if (isatty(STDIN_FILENO))
        return usage(&command_symbolize, "give it a report (pith symbolize IMAGE <REPORT) or addresses");
    int code = read_report(&report);
    if (code != EXIT_OK)
        return code;
    struct view id = find(report, VIEW(", build id "), ',');
    const char *path = image ? find_image(image) : find_named(find(report, VIEW("  image    "), ','));
    if (!path && !image)
        return fail("the report names no image that is found here: name the image or its .debug file");
    if (!path)
        return EXIT_FAILED;
    code = open_source(s, path);
    if (code == EXIT_OK && id.n > 0 && !view_eq(id, view_z(s->id)))
        code = fail("%s is of build %.12s…, the report of build %.*s…: take the .debug file that was made "
                    "with the image that crashed",
                    path, s->id, id.n < 12 ? (int)id.n : 12, id.p);
    for (rest = report; code == EXIT_OK && rest.n > 0;) {
        struct view line = view_cut(rest, '\n', &rest);
        retell_line(&s->names, stdout, line);
    }
    return code;
}

/* ---- addresses --------------------------------------------------------------------- */

static int symbolize_addresses(struct source *s, const char *image, int n, char **words)
{
    const char *path = find_image(image);
    int code = path ? open_source(s, path) : EXIT_FAILED;
    for (int i = 0; i < n && code == EXIT_OK; i++) {
        u64 at;
        struct view word = view_z(words[i]);
        if (view_starts(word, VIEW("image+")))
            word = view_from(word, 6);
        if (!view_starts(word, VIEW("0x")) || !retell_hex(view_from(word, 2), &at))
            return usage(&command_symbolize, "%s is no address: 0x1431 would be one", words[i]);
        retell_frame(&s->names, stdout, VIEW_NONE, "  at       ", at);
    }
    return code;
}

static int run(int argc, char **argv)
{
    static struct source s;
    if (argc > 1 && argv[1][0] == '-')
        return usage(&command_symbolize, "there is no option %s", argv[1]);
    const char *image = argc > 1 ? argv[1] : NULL;
    int code = argc > 2 ? symbolize_addresses(&s, image, argc - 2, argv + 2) : symbolize_report(&s, image);
    close_source(&s);
    return code;
}

const struct command command_symbolize = {
    .name = "symbolize",
    .summary = "functions and lines of source for a crash report",
    .help = help,
    .run = run,
};
