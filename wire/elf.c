#include "wire/elf.h"

#include "base/codec.h"
#include "base/num.h"

/* Names and numbers of the System V gABI and the x86-64 psABI. */
enum {
    ELFCLASS64 = 2,
    ELFDATA2LSB = 1,
    ET_DYN = 3,
    EM_X86_64 = 62,
    EHDR_SIZE = 64,
    PHDR_SIZE = 56,
    PHDRS_MAX = 32,
    SHDR_SIZE = 64,
    DYN_SIZE = 16,
    RELA_SIZE = 24,
    SYM_SIZE = 24,
    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    PT_INTERP = 3,
    PT_NOTE = 4,
    PT_TLS = 7,
    PT_GNU_STACK = 0x6474e551,
    PT_GNU_RELRO = 0x6474e552,
    DT_NULL = 0,
    DT_NEEDED = 1,
    DT_PLTRELSZ = 2,
    DT_RELA = 7,
    DT_RELASZ = 8,
    DT_RELAENT = 9,
    DT_REL = 17,
    DT_TEXTREL = 22,
    DT_RELRSZ = 35,
    DT_RELR = 36,
    DT_RELRENT = 37,
    R_X86_64_RELATIVE = 8,
    NT_GNU_BUILD_ID = 3,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_NOBITS = 8,
    SHF_COMPRESSED = 0x800,
};

struct program_header {
    u32 type, flags;
    u64 offset, address, file_n, mem_n, align;
};

static enum err malformed(struct elf *e, const char *wrong)
{
    e->wrong = wrong;
    return ERR_MALFORMED;
}

static enum err unsupported(struct elf *e, const char *wrong)
{
    e->wrong = wrong;
    return ERR_UNSUPPORTED;
}

static bool in_file(const struct elf *e, u64 offset, u64 n)
{
    return offset <= e->file.n && n <= e->file.n - offset;
}

/* The first byte of the page of x, and of the page after it. Callers keep x below
 * ELF_IMAGE_MAX, or the file's size, so neither overflows. */
static u64 page_down(u64 x)
{
    return x & ~(u64)(ELF_PAGE - 1);
}

static u64 page_up(u64 x)
{
    return page_down(x + ELF_PAGE - 1);
}

static enum err take_load(struct elf *e, const struct program_header *p)
{
    if (e->segments_n == ELF_SEGMENTS_MAX)
        return malformed(e, "has more segments than an image may have");
    if (!in_file(e, p->offset, p->file_n))
        return malformed(e, "is truncated: a segment lies past its end");
    if (p->mem_n > ELF_IMAGE_MAX || p->address > ELF_IMAGE_MAX - p->mem_n)
        return malformed(e, "is damaged: a segment lies outside of the address space of an image");
    if (!(p->flags & ELF_W) && p->file_n != p->mem_n)
        return malformed(e, "is damaged: what is not writable is not all in the file");
    if (p->file_n > p->mem_n || p->mem_n == 0 || p->address % ELF_PAGE != p->offset % ELF_PAGE)
        return malformed(e, "is damaged: a segment makes no sense");
    if ((p->flags & ELF_W) && (p->flags & ELF_X))
        return malformed(e, "has a segment that is writable and executable");
    if (page_down(p->address) < e->span)
        return malformed(e, "is damaged: two segments share a page");
    e->span = page_up(p->address + p->mem_n);
    AT(e->segments, e->segments_n) =
        (struct elf_segment){p->offset, p->file_n, p->address, p->mem_n, p->flags & (ELF_R | ELF_W | ELF_X)};
    e->segments_n++;
    return OK;
}

static enum err take_note(struct elf *e, const struct program_header *p)
{
    if (e->notes_n == ELF_NOTES_MAX)
        return malformed(e, "has more note segments than an image may have");
    if (!in_file(e, p->offset, p->file_n))
        return malformed(e, "is truncated: its notes lie past its end");
    AT(e->notes, e->notes_n) =
        (struct elf_note_area){view_sub(e->file, p->offset, p->file_n), p->align == 8 ? 8 : 4};
    e->notes_n++;
    return OK;
}

static enum err take_bundle(struct elf *e, const struct program_header *p)
{
    if (e->bundle.n > 0 || p->offset % ELF_PAGE != 0 || p->file_n == 0)
        return malformed(e, "is damaged: its bundle makes no sense");
    if (!in_file(e, p->offset, p->file_n))
        return malformed(e, "is truncated: its bundle lies past its end");
    e->bundle_offset = p->offset;
    e->bundle = view_sub(e->file, p->offset, p->file_n);
    return OK;
}

static enum err take_program_header(struct elf *e, const struct program_header *p, struct view *dynamic)
{
    switch (p->type) {
    case PT_LOAD:
        return take_load(e, p);
    case PT_NOTE:
        return take_note(e, p);
    case PT_PITH_BUNDLE:
        return take_bundle(e, p);
    case PT_DYNAMIC:
        if (!in_file(e, p->offset, p->file_n))
            return malformed(e, "is truncated: its dynamic section lies past its end");
        *dynamic = view_sub(e->file, p->offset, p->file_n);
        return OK;
    case PT_GNU_RELRO:
        if (p->mem_n > ELF_IMAGE_MAX || p->address > ELF_IMAGE_MAX)
            return malformed(e, "is damaged: its read-only data lies outside of it");
        /* As loaders do: the part of a last page that is writable stays writable. */
        e->relro = page_down(p->address);
        e->relro_n = page_down(p->address + p->mem_n) - e->relro;
        return OK;
    case PT_GNU_STACK:
        return p->flags & ELF_X ? malformed(e, "asks for an executable stack") : OK;
    case PT_INTERP:
        return unsupported(e, "is an ordinary program, not a Pith image: it asks for a dynamic linker");
    case PT_TLS:
        return unsupported(e, "is no Pith image: it has thread-local storage");
    default:
        return OK;
    }
}

static enum err take_table(struct elf *e, u64 address, u64 n, u64 entry_n, struct view *out)
{
    if (n % entry_n != 0 || elf_bytes(e, address, n, out) != OK)
        return malformed(e, "is damaged: its relocations make no sense");
    return OK;
}

static enum err take_dynamic(struct elf *e, struct view dynamic)
{
    u64 rela = 0, rela_n = 0, relr = 0, relr_n = 0;
    struct reader r = reader_of(dynamic);
    while (r.rest.n >= DYN_SIZE) {
        u64 tag = get_le64(&r), value = get_le64(&r);
        if (tag == DT_NULL)
            break;
        bool odd_entry = (tag == DT_RELAENT && value != RELA_SIZE) || (tag == DT_RELRENT && value != 8);
        if (tag == DT_NEEDED || tag == DT_REL || tag == DT_TEXTREL || odd_entry ||
            (tag == DT_PLTRELSZ && value != 0))
            return unsupported(e, "is no Pith image: it is linked against other files");
        if (tag == DT_RELA)
            rela = value;
        if (tag == DT_RELASZ)
            rela_n = value;
        if (tag == DT_RELR)
            relr = value;
        if (tag == DT_RELRSZ)
            relr_n = value;
    }
    if (rela_n > 0)
        TRY(take_table(e, rela, rela_n, RELA_SIZE, &e->rela));
    if (relr_n > 0)
        TRY(take_table(e, relr, relr_n, 8, &e->relr));
    return OK;
}

static enum err check_whole(struct elf *e)
{
    const struct elf_segment *text = elf_segment_of(e, e->entry);
    if (e->segments_n == 0 || !text || !(text->flags & ELF_X))
        return malformed(e, "is damaged: its entry point is not in its code");
    if (e->relro_n > 0) {
        const struct elf_segment *s = elf_segment_of(e, e->relro);
        if (!s || !(s->flags & ELF_W) || e->relro + e->relro_n > page_up(s->address + s->mem_n))
            return malformed(e, "is damaged: its read-only data lies outside of it");
    }
    for (u32 i = 0; i < e->segments_n && e->bundle.n > 0; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        if (page_down(s->offset) < e->bundle_offset + e->bundle.n &&
            e->bundle_offset < page_up(s->offset + s->file_n))
            return malformed(e, "is damaged: its bundle overlaps a segment");
    }
    return OK;
}

enum err elf_decode(struct elf *e, struct view file)
{
    *e = (struct elf){.file = file};
    struct reader r = reader_of(file);
    struct view ident = get_bytes(&r, 16);
    if (ident.n < 16 || !view_starts(ident, VIEW("\x7f"
                                                 "ELF")))
        return unsupported(e, "is not a Pith image (not an ELF file)");
    u16 type = get_le16(&r), machine = get_le16(&r);
    get_skip(&r, 4);
    e->entry = get_le64(&r);
    u64 headers = get_le64(&r);
    e->sections_offset = get_le64(&r);
    get_skip(&r, 6);
    u16 header_n = get_le16(&r), headers_n = get_le16(&r), section_n = get_le16(&r);
    e->sections_n = get_le16(&r);
    e->sections_names = get_le16(&r);
    if (r.bad)
        return malformed(e, "is truncated: it ends within its header");
    if (view_at(ident, 4) != ELFCLASS64 || view_at(ident, 5) != ELFDATA2LSB || machine != EM_X86_64)
        return unsupported(e, "is made for another machine, not for x86-64");
    if (type != ET_DYN || header_n != PHDR_SIZE)
        return unsupported(e, "is an ordinary program or object file, not a Pith image");
    if (section_n != SHDR_SIZE)
        e->sections_n = 0;
    if (headers_n > PHDRS_MAX)
        return malformed(e, "is damaged: it has too many program headers");
    if (!in_file(e, headers, (u64)headers_n * PHDR_SIZE))
        return malformed(e, "is truncated: its program headers lie past its end");

    struct view dynamic = VIEW_NONE;
    r = reader_of(view_sub(file, headers, (size_t)headers_n * PHDR_SIZE));
    for (u16 i = 0; i < headers_n; i++) {
        struct program_header p = {.type = get_le32(&r)};
        p.flags = get_le32(&r);
        p.offset = get_le64(&r);
        p.address = get_le64(&r);
        get_skip(&r, 8);
        p.file_n = get_le64(&r);
        p.mem_n = get_le64(&r);
        p.align = get_le64(&r);
        TRY(take_program_header(e, &p, &dynamic));
    }
    TRY(take_dynamic(e, dynamic));
    return check_whole(e);
}

enum err elf_bytes(const struct elf *e, u64 address, u64 n, struct view *out)
{
    const struct elf_segment *s = elf_segment_of(e, address);
    if (!s)
        return ERR_RANGE;
    u64 skip = address - s->address;
    if (skip > s->file_n || n > s->file_n - skip)
        return ERR_RANGE;
    *out = view_sub(e->file, s->offset + skip, n);
    return OK;
}

const struct elf_segment *elf_segment_of(const struct elf *e, u64 address)
{
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        if (address >= s->address && address - s->address < s->mem_n)
            return s;
    }
    return NULL;
}

struct elf_relocations elf_relocations_of(const struct elf *e)
{
    return (struct elf_relocations){.e = e, .rela = e->rela, .relr = e->relr};
}

/* The value that stands at `at`, if a relocation may change it. */
static bool relocatable(struct elf_relocations *it, u64 at, u64 *value)
{
    const struct elf_segment *s = elf_segment_of(it->e, at);
    struct view bytes;
    if (!s || !(s->flags & ELF_W) || elf_bytes(it->e, at, 8, &bytes) != OK) {
        it->bad = true;
        return false;
    }
    *value = load_le64(bytes, 0);
    return true;
}

static bool rela_next(struct elf_relocations *it, struct elf_relocation *out)
{
    struct reader r = reader_of(it->rela);
    u64 value;
    out->at = get_le64(&r);
    u64 info = get_le64(&r);
    out->value = get_le64(&r);
    it->rela = r.rest;
    it->bad = info != R_X86_64_RELATIVE;
    return !it->bad && relocatable(it, out->at, &value);
}

/* gABI, "Relative Relocation Table": an even entry is an address, an odd one a
 * bitmap of the 63 words that follow what came before. */
static bool relr_next(struct elf_relocations *it, struct elf_relocation *out)
{
    while (it->bitmap == 0) {
        if (it->relr.n < 8)
            return false;
        u64 entry = load_le64(it->relr, 0);
        it->relr = view_from(it->relr, 8);
        if (entry % 2 == 0) {
            if (entry >= ELF_IMAGE_MAX) {
                it->bad = true;
                return false;
            }
            it->base = entry + 8;
            out->at = entry;
            return relocatable(it, entry, &out->value);
        }
        it->bitmap = entry >> 1;
        if (it->base >= ELF_IMAGE_MAX) {
            it->bad = true;
            return false;
        }
        if (it->bitmap == 0)
            it->base += 63 * 8;
    }
    u64 bit = (u64)__builtin_ctzll(it->bitmap);
    out->at = it->base + bit * 8;
    it->bitmap &= it->bitmap - 1;
    if (it->bitmap == 0)
        it->base += 63 * 8;
    return relocatable(it, out->at, &out->value);
}

bool elf_relocation_next(struct elf_relocations *it, struct elf_relocation *out)
{
    if (it->bad)
        return false;
    bool more = it->rela.n >= RELA_SIZE ? rela_next(it, out) : relr_next(it, out);
    if (more && out->value >= it->e->span)
        it->bad = true;
    return more && !it->bad;
}

struct elf_notes elf_notes_of(const struct elf *e)
{
    struct view first = e->notes_n > 0 ? e->notes[0].bytes : VIEW_NONE;
    return (struct elf_notes){.e = e, .rest = first};
}

bool elf_note_next(struct elf_notes *it, struct elf_note *out)
{
    while (it->rest.n == 0) {
        it->area++;
        if (it->area >= it->e->notes_n)
            return false;
        it->rest = AT(it->e->notes, it->area).bytes;
    }
    size_t align = AT(it->e->notes, it->area).align;
    struct reader r = reader_of(it->rest);
    u32 owner_n = get_le32(&r), desc_n = get_le32(&r);
    out->type = get_le32(&r);
    out->owner = get_bytes(&r, owner_n);
    get_skip(&r, align_up(12 + (size_t)owner_n, align) - 12 - owner_n);
    out->desc = get_bytes(&r, desc_n);
    if (r.bad) {
        it->bad = true;
        return false;
    }
    get_skip(&r, MIN(align_up(desc_n, align) - desc_n, r.rest.n));
    it->rest = r.rest;
    while (out->owner.n > 0 && view_at(out->owner, out->owner.n - 1) == 0)
        out->owner = view_first(out->owner, out->owner.n - 1);
    return true;
}

struct view elf_build_id(const struct elf *e)
{
    struct elf_notes it = elf_notes_of(e);
    struct elf_note note;
    while (elf_note_next(&it, &note))
        if (note.type == NT_GNU_BUILD_ID && view_eq(note.owner, VIEW("GNU")))
            return note.desc;
    return VIEW_NONE;
}

struct section {
    u32 name, type, link;
    u64 flags, offset, n, entry_n;
};

static struct section section_at(struct view table, u32 index)
{
    struct reader r = reader_of(view_sub(table, (size_t)index * SHDR_SIZE, SHDR_SIZE));
    struct section s = {.name = get_le32(&r)};
    s.type = get_le32(&r);
    s.flags = get_le64(&r);
    get_skip(&r, 8);
    s.offset = get_le64(&r);
    s.n = get_le64(&r);
    s.link = get_le32(&r);
    get_skip(&r, 12);
    s.entry_n = get_le64(&r);
    return s;
}

static enum err section_table(const struct elf *e, struct view *out)
{
    u64 n = (u64)e->sections_n * SHDR_SIZE;
    if (!in_file(e, e->sections_offset, n))
        return ERR_MALFORMED;
    *out = view_sub(e->file, e->sections_offset, n);
    return OK;
}

enum err elf_section(const struct elf *e, struct view name, struct view *out)
{
    struct view table, rest;
    TRY(section_table(e, &table));
    if (e->sections_names >= e->sections_n)
        return ERR_NOT_FOUND;
    struct section names = section_at(table, e->sections_names);
    if (names.type != SHT_STRTAB || !in_file(e, names.offset, names.n))
        return ERR_MALFORMED;
    struct view all = view_sub(e->file, names.offset, names.n);
    for (u32 i = 0; i < e->sections_n; i++) {
        struct section s = section_at(table, i);
        if (s.name >= all.n || !view_eq(view_cut(view_from(all, s.name), 0, &rest), name))
            continue;
        if (s.flags & SHF_COMPRESSED)
            return ERR_UNSUPPORTED;
        if (s.type == SHT_NOBITS || !in_file(e, s.offset, s.n))
            return ERR_MALFORMED;
        *out = view_sub(e->file, s.offset, s.n);
        return OK;
    }
    return ERR_NOT_FOUND;
}

enum err elf_symbols(const struct elf *e, struct elf_symbols *out)
{
    struct view table;
    TRY(section_table(e, &table));
    for (u32 i = 0; i < e->sections_n; i++) {
        struct section s = section_at(table, i);
        if (s.type != SHT_SYMTAB)
            continue;
        if (s.link >= e->sections_n || s.entry_n != SYM_SIZE || !in_file(e, s.offset, s.n))
            return ERR_MALFORMED;
        struct section names = section_at(table, s.link);
        if (names.type != SHT_STRTAB || !in_file(e, names.offset, names.n))
            return ERR_MALFORMED;
        out->table = view_sub(e->file, s.offset, s.n);
        out->names = view_sub(e->file, names.offset, names.n);
        out->n = s.n / SYM_SIZE;
        return OK;
    }
    return ERR_NOT_FOUND;
}

bool elf_symbol_at(const struct elf_symbols *s, size_t index, struct elf_symbol *out)
{
    must_in_bounds(index < s->n);
    struct reader r = reader_of(view_sub(s->table, index * SYM_SIZE, SYM_SIZE));
    u32 name = get_le32(&r);
    out->type = get_u8(&r) & 15;
    get_skip(&r, 1);
    out->section = get_le16(&r);
    out->address = get_le64(&r);
    out->size = get_le64(&r);
    if (name >= s->names.n)
        return false;
    struct view rest;
    out->name = view_cut(view_from(s->names, name), 0, &rest);
    return true;
}

bool elf_symbol_of(const struct elf_symbols *s, u64 address, struct elf_symbol *out)
{
    enum { STT_OBJECT = 1, STT_FUNC = 2 };
    for (size_t i = 0; i < s->n; i++)
        if (elf_symbol_at(s, i, out) && out->section != 0 &&
            (out->type == STT_FUNC || out->type == STT_OBJECT) && address >= out->address &&
            address - out->address < out->size)
            return true;
    return false;
}

bool elf_symbol_named(const struct elf_symbols *s, struct view name, struct elf_symbol *out)
{
    for (size_t i = 0; i < s->n; i++)
        if (elf_symbol_at(s, i, out) && out->section != 0 && view_eq(out->name, name))
            return true;
    return false;
}
