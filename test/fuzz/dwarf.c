/* Debug information: what is found lies inside of the file, and no table makes the search run
 * away. The input is the eight sections, each behind its size in two bytes, then addresses. */
#include "base/codec.h"
#include "test/fuzz/fuzz.h"
#include "wire/dwarf.h"

static struct view take(struct reader *r)
{
    struct view v = get_bytes(r, get_le16(r));
    return r->bad ? VIEW_NONE : v;
}

static void check(const struct dwarf *d, u64 address, struct view in)
{
    static struct dwarf_frames found;
    if (dwarf_find(d, address, &found) != OK)
        return;
    must(found.n >= 1 && found.n <= DWARF_FRAMES_MAX);
    for (size_t i = 0; i < found.n; i++) {
        const struct dwarf_frame *f = &AT(found.f, i);
        must(view_inside(f->function, in) && view_inside(f->at.file, in) && view_inside(f->at.dir, in));
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    struct reader r = reader_of(in);
    struct dwarf d;
    struct view *const sections[] = {&d.info, &d.abbrev,      &d.line, &d.line_str,
                                     &d.str,  &d.str_offsets, &d.addr, &d.rnglists};
    for (size_t i = 0; i < COUNT(sections); i++)
        *AT(sections, i) = take(&r);
    for (int i = 0; i < 4; i++)
        check(&d, get_le16(&r), in);
    return 0;
}
