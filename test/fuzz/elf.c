/* Images and their manifests: whatever the file says, segments, relocations, notes,
 * symbols and keys stay inside of it and of what may be written. */
#include "base/num.h"
#include "test/fuzz/fuzz.h"
#include "wire/elf_bundle.h"
#include "wire/manifest.h"

static void check_segments(const struct elf *e)
{
    u64 end = 0;
    must(e->segments_n >= 1 && e->span <= 2 * (u64)ELF_IMAGE_MAX && e->span % ELF_PAGE == 0);
    for (size_t i = 0; i < e->segments_n; i++) {
        struct elf_segment s = AT(e->segments, i);
        must(s.offset <= e->file.n && s.file_n <= e->file.n - s.offset && s.file_n <= s.mem_n);
        must((s.flags & (ELF_W | ELF_X)) != (ELF_W | ELF_X));
        must(s.address >= end && s.address + s.mem_n <= e->span);
        end = s.address + s.mem_n;
    }
    const struct elf_segment *text = elf_segment_of(e, e->entry);
    must(text && text->flags & ELF_X);
    must(view_inside(e->bundle, e->file));
}

static void check_relocations(const struct elf *e)
{
    struct elf_relocations it = elf_relocations_of(e);
    struct elf_relocation r;
    while (elf_relocation_next(&it, &r)) {
        struct view where;
        const struct elf_segment *s = elf_segment_of(e, r.at);
        must(s && s->flags & ELF_W && r.value < e->span);
        must(elf_bytes(e, r.at, 8, &where) == OK && view_inside(where, e->file));
    }
}

static void check_notes(const struct elf *e)
{
    struct elf_notes it = elf_notes_of(e);
    struct elf_note note;
    while (elf_note_next(&it, &note))
        must(view_inside(note.owner, e->file) && view_inside(note.desc, e->file));
    must(view_inside(elf_build_id(e), e->file));
}

static void check_symbols(const struct elf *e)
{
    struct elf_symbols symbols;
    struct elf_symbol s;
    if (elf_symbols(e, &symbols) != OK)
        return;
    for (size_t i = 0; i < symbols.n; i++)
        if (elf_symbol_at(&symbols, i, &s))
            must(view_inside(s.name, e->file));
    if (elf_symbol_of(&symbols, e->entry, &s))
        must(e->entry >= s.address && e->entry - s.address < s.size);
    if (elf_symbol_named(&symbols, VIEW("guest_entry"), &s))
        must(view_eq(s.name, VIEW("guest_entry")));
}

static void check_manifest(const struct elf *e)
{
    static struct manifest_whole m;
    const char *wrong = NULL;
    if (manifest_decode(e, &m, &wrong) != OK) {
        must(wrong != NULL);
        return;
    }
    must(m.devices_n <= MANIFEST_DEVICES_MAX && m.keys_n <= MANIFEST_KEYS_MAX);
    for (size_t i = 0; i < m.keys_n; i++) {
        const struct manifest_key *key = &AT(m.keys, i);
        struct view name = view_of((struct span)SPAN_OF(m.keys[0].name));
        must(view_find((struct view){(const u8 *)key->name, name.n}, 0) < name.n);
        u8 text[128];
        struct writer expected = writer_of(SPAN_OF(text));
        must(key_check(key, view_z(key->fallback), &expected) == OK);
    }
}

/* Where a bundle is written into a file, whatever the file is, is in its program headers. */
static void check_put_bundle(struct view file)
{
    static u8 room[8192];
    struct span start = span_first(SPAN_OF(room), MIN(file.n, sizeof room));
    copy(start, view_first(file, start.n));
    if (elf_put_bundle(start, 0x1000, 0x2000) != OK)
        return;
    size_t changed = 0;
    for (size_t i = 0; i < start.n; i++)
        changed += span_at(start, i) != view_at(file, i);
    must(changed <= 56);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static struct elf e;
    check_put_bundle((struct view){data, n});
    if (elf_decode(&e, (struct view){data, n}) != OK) {
        must(e.wrong != NULL);
        return 0;
    }
    check_segments(&e);
    check_relocations(&e);
    check_notes(&e);
    check_symbols(&e);
    check_manifest(&e);
    return 0;
}
