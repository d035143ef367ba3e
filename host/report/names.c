/* The places of an image by name: functions from its symbols, inlined functions and
 * lines of source from debug information. */
#include "base/fmt.h"
#include "base/num.h"
#include "host/report/report.h"

enum { CHECKS_MAX = 8 };

struct report_names report_names_of(const struct elf *image, const struct elf *debug)
{
    struct report_names n = {.elf = image ? image : debug};
    bool same = image && debug && view_eq(elf_build_id(image), elf_build_id(debug));
    if (image && !same)
        debug = NULL;
    if ((!image || elf_symbols(image, &n.symbols) != OK) && (!debug || elf_symbols(debug, &n.symbols) != OK))
        n.symbols = (struct elf_symbols){0};
    if (!debug || dwarf_sections(debug, &n.lines) != OK)
        n.lines = (struct dwarf){0};
    return n;
}

/* Debug information still tells of functions that the linker left out, at addresses
 * around 0: only code counts. */
static bool find_frames(const struct report_names *n, u64 at, struct dwarf_frames *out)
{
    const struct elf_segment *s = n->elf ? elf_segment_of(n->elf, at) : NULL;
    return s && (s->flags & ELF_X) && n->lines.info.n > 0 && dwarf_find(&n->lines, at, out) == OK;
}

static void put_file(struct writer *w, const struct dwarf_place *p)
{
    if (p->dir.n > 0) {
        put_visible(w, p->dir);
        put_u8(w, '/');
    }
    put_visible(w, p->file);
    if (p->line > 0) {
        put_u8(w, ':');
        put_dec(w, p->line);
    }
}

/* ---- checks that share a trap ----------------------------------------------------- */

/* The compiler lets checks of a kind share one trap, which then has no line. The
 * conditional jumps to it have. */
struct checks {
    struct dwarf_place at[CHECKS_MAX];
    size_t n;
    bool more;
};

static bool is_accessor(const struct dwarf_place *p)
{
    bool base = view_starts(p->file, VIEW("base/")) || view_eq(p->dir, VIEW("base")) ||
                view_ends(p->dir, VIEW("/base"));
    return base && view_ends(p->file, VIEW(".h"));
}

/* Where a reader looks: the innermost function that is no accessor. */
static const struct dwarf_place *telling(const struct dwarf_frames *f)
{
    const struct dwarf_place *p = NULL;
    for (u32 i = 0; i < f->n && (!p || is_accessor(p)); i++)
        if (f->f[i].at.line > 0)
            p = &f->f[i].at;
    return p;
}

static void add_check(struct checks *c, const struct dwarf_place *p)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->at[i].line == p->line && view_eq(c->at[i].file, p->file))
            return;
    c->more = c->n == CHECKS_MAX;
    if (!c->more)
        c->at[c->n++] = *p;
}

/* How long the instruction at the start of `code` is, if it is a conditional jump, and
 * how far it jumps from its end; 0: it is none. */
static u64 conditional_jump(struct view code, u64 *distance)
{
    if (code.n >= 2 && view_at(code, 0) >> 4 == 7) {
        *distance = (u64)(i64)(i8)view_at(code, 1);
        return 2;
    }
    if (code.n >= 6 && view_at(code, 0) == 0x0f && view_at(code, 1) >> 4 == 8) {
        *distance = (u64)(i64)(i32)load_le32(code, 2);
        return 6;
    }
    return 0;
}

/* Looks at every byte: what is no jump but looks like one to just this place is rare. */
static struct checks checks_of(const struct report_names *n, u64 trap)
{
    struct checks c = {.n = 0};
    struct elf_symbol s;
    struct view code;
    if (!n->elf || !elf_symbol_of(&n->symbols, trap, &s) || elf_bytes(n->elf, s.address, s.size, &code) != OK)
        return c;
    for (u64 at = s.address; code.n > 0; at++, code = view_from(code, 1)) {
        struct dwarf_frames frames;
        u64 distance, length = conditional_jump(code, &distance);
        if (length == 0 || wrap_add64(at + length, distance) != trap || !find_frames(n, at, &frames))
            continue;
        const struct dwarf_place *p = telling(&frames);
        if (p)
            add_check(&c, p);
    }
    return c;
}

static void put_checks(struct writer *w, const struct checks *c)
{
    for (size_t i = 0; i < c->n; i++) {
        put_text(w, i == 0 ? "" : i + 1 == c->n && !c->more ? " or " : ", ");
        put_file(w, &c->at[i]);
    }
    if (c->more)
        put_text(w, " …");
}

/* ---- frames ----------------------------------------------------------------------- */

static void put_place(struct writer *w, const struct report_names *n, const struct dwarf_place *p, u64 at)
{
    struct checks c = {.n = 0};
    if (p->file.n == 0)
        return;
    if (p->line == 0)
        c = checks_of(n, at);
    put_text(w, ", ");
    if (c.n > 0)
        put_checks(w, &c);
    else
        put_file(w, p);
}

void report_put_function(struct writer *w, const struct report_names *n, u64 at)
{
    struct elf_symbol s;
    if (elf_symbol_of(&n->symbols, at, &s)) {
        put_visible(w, s.name);
        put_text(w, "+0x");
        put_hex(w, at - s.address, 1);
        put_u8(w, ' ');
    }
    put_text(w, "(image+0x");
    put_hex(w, at, 1);
    put_u8(w, ')');
}

void report_put_frame(struct writer *w, const struct report_names *n, const char *label, u64 at)
{
    struct dwarf_frames frames;
    bool known = find_frames(n, at, &frames);
    for (u32 i = 0; known && i + 1 < frames.n; i++) {
        put_text(w, "  inlined  ");
        put_visible(w, frames.f[i].function);
        put_place(w, n, &frames.f[i].at, at);
        put_u8(w, '\n');
    }
    put_text(w, label);
    report_put_function(w, n, at);
    if (known)
        put_place(w, n, &frames.f[frames.n - 1].at, at);
    put_u8(w, '\n');
}
