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

/*@ requires \valid(e); assigns e->wrong; ensures \result == ERR_MALFORMED; */
static enum err malformed(struct elf *e, const char *wrong)
{
    e->wrong = wrong;
    return ERR_MALFORMED;
}

/*@ requires \valid(e); assigns e->wrong; ensures \result == ERR_UNSUPPORTED; */
static enum err unsupported(struct elf *e, const char *wrong)
{
    e->wrong = wrong;
    return ERR_UNSUPPORTED;
}

/*@ requires \valid_read(e); assigns \nothing; ensures \result <==> offset + n <= e->file.n; */
static bool in_file(const struct elf *e, u64 offset, u64 n)
{
    return offset <= e->file.n && n <= e->file.n - offset;
}

/* The first byte of the page of x, and of the page after it. Callers keep x below
 * ELF_IMAGE_MAX, or the file's size, so neither overflows. */
/*@ assigns \nothing; ensures \result == x - x % ELF_PAGE; */
static u64 page_down(u64 x)
{
    return x - x % ELF_PAGE;
}

/*@ requires x <= UINT64_MAX - ELF_PAGE; assigns \nothing; ensures x <= \result < x + ELF_PAGE; */
static u64 page_up(u64 x)
{
    return page_down(x + ELF_PAGE - 1);
}

/*@ requires \valid(e) && \valid_read(p) && \separated(e, p) && segments_ok(e);
    assigns e->wrong, e->span, e->segments_n, e->segments[0 .. ELF_SEGMENTS_MAX - 1];
    ensures \result == OK ==> segments_ok(e); */
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

/*@ requires \valid(e) && \valid_read(p) && \separated(e, p) && notes_ok(e);
    assigns e->wrong, e->notes_n, e->notes[0 .. ELF_NOTES_MAX - 1];
    ensures \result == OK ==> notes_ok(e); */
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

/*@ predicate bundle_ok(struct elf *e) = e->bundle_offset + e->bundle.n <= e->file.n; */

/*@ requires \valid(e) && \valid_read(p) && \separated(e, p) && file_ok(e->file);
    assigns e->wrong, e->bundle_offset, e->bundle; ensures \result == OK ==> bundle_ok(e); */
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

/*@ predicate relro_ok(struct elf *e) = e->relro + e->relro_n <= 2 * ELF_IMAGE_MAX;
    predicate decoded_ok(struct elf *e) = segments_ok(e) && notes_ok(e) && bundle_ok(e) && relro_ok(e); */

/*@ requires \valid(e) && \valid_read(p) && \valid(dynamic) && \separated(e, p, dynamic);
    requires decoded_ok(e) && readable(*dynamic);
    assigns *e, *dynamic; ensures same(e->file, \old(e->file));
    ensures \result == OK ==> decoded_ok(e) && readable(*dynamic); */
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

/*@ requires \valid(e) && segments_ok(e) && entry_n > 0 && \valid(out) && \separated(e, out);
    assigns e->wrong, *out; ensures \result == OK ==> readable(*out); */
static enum err take_table(struct elf *e, u64 address, u64 n, u64 entry_n, struct view *out)
{
    if (n % entry_n != 0 || elf_bytes(e, address, n, out) != OK)
        return malformed(e, "is damaged: its relocations make no sense");
    return OK;
}

/*@ requires \valid(e) && segments_ok(e) && readable(dynamic);
    assigns e->wrong, e->rela, e->relr;
    admit ensures \result == OK ==> readable(e->rela) && readable(e->relr); */
static enum err take_dynamic(struct elf *e, struct view dynamic)
{
    u64 rela = 0, rela_n = 0, relr = 0, relr_n = 0;
    struct reader r = reader_of(dynamic);
    /*@ loop invariant inside(r) && !r.bad; loop assigns r, rela, rela_n, relr, relr_n;
        loop variant r.rest.n; */
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
    struct view table = VIEW_NONE, packed = VIEW_NONE;
    if (rela_n > 0)
        TRY(take_table(e, rela, rela_n, RELA_SIZE, &table));
    if (relr_n > 0)
        TRY(take_table(e, relr, relr_n, 8, &packed));
    e->rela = table;
    e->relr = packed;
    return OK;
}

/*@ requires \valid(e) && segments_ok(e); requires bundle_ok(e) && relro_ok(e); assigns e->wrong; */
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
    /*@ loop invariant i <= e->segments_n; loop assigns i; loop variant e->segments_n - i; */
    for (u32 i = 0; i < e->segments_n && e->bundle.n > 0; i++) {
        const struct elf_segment *s = &AT(e->segments, i);
        if (page_down(s->offset) < e->bundle_offset + e->bundle.n &&
            e->bundle_offset < page_up(s->offset + s->file_n))
            return malformed(e, "is damaged: its bundle overlaps a segment");
    }
    return OK;
}

/* The file's header, and where the program headers are. */
/*@ requires \valid(e) && file_ok(e->file) && \valid(headers) && \separated(e, headers);
    assigns e->wrong, e->entry, e->sections_offset, e->sections_n, e->sections_names, *headers;
    ensures \result == OK ==> readable(*headers); */
static enum err take_header(struct elf *e, struct view *headers)
{
    struct view file = e->file;
    struct reader r = reader_of(file);
    struct view ident = get_bytes(&r, 16);
    if (ident.n < 16 || !view_starts(ident, VIEW("\x7f"
                                                 "ELF")))
        return unsupported(e, "is not a Pith image (not an ELF file)");
    u16 type = get_le16(&r), machine = get_le16(&r);
    get_skip(&r, 4);
    e->entry = get_le64(&r);
    u64 headers_at = get_le64(&r);
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
    if (headers_at > file.n || (u64)headers_n * PHDR_SIZE > file.n - headers_at)
        return malformed(e, "is truncated: its program headers lie past its end");
    *headers = view_sub(file, headers_at, (size_t)headers_n * PHDR_SIZE);
    return OK;
}

/*@ requires readable(headers) && headers.n >= PHDR_SIZE; assigns \nothing; */
static struct program_header first_program_header(struct view headers)
{
    struct reader r = reader_of(headers);
    struct program_header p = {.type = get_le32(&r)};
    p.flags = get_le32(&r);
    p.offset = get_le64(&r);
    p.address = get_le64(&r);
    get_skip(&r, 8);
    p.file_n = get_le64(&r);
    p.mem_n = get_le64(&r);
    p.align = get_le64(&r);
    return p;
}

/*@ requires \valid(e) && readable(headers) && \valid(dynamic) && readable(*dynamic);
    requires decoded_ok(e); requires \separated(e, dynamic); assigns *e, *dynamic;
    ensures same(e->file, \old(e->file));
    ensures \result == OK ==> decoded_ok(e);
    ensures \result == OK ==> readable(*dynamic); */
static enum err take_program_headers(struct elf *e, struct view headers, struct view *dynamic)
{
    /*@ loop invariant readable(headers) && readable(*dynamic);
        loop invariant same(e->file, \at(e->file, Pre));
        loop invariant decoded_ok(e);
        loop assigns headers, *dynamic, *e; loop variant headers.n; */
    for (; headers.n >= PHDR_SIZE; headers = view_from(headers, PHDR_SIZE)) {
        struct program_header p = first_program_header(headers);
        TRY(take_program_header(e, &p, dynamic));
    }
    return OK;
}

/*@ requires \valid(e) && file_ok(file); assigns *e; ensures decoded_ok(e) && same(e->file, file); */
static void begin(struct elf *e, struct view file)
{
    *e = (struct elf){.file = file};
}

/*@ requires \valid(e) && decoded_ok(e) && readable(dynamic); assigns e->wrong, e->rela, e->relr;
    ensures segments_ok(e);
    ensures notes_ok(e);
    ensures \result == OK ==> readable(e->rela) && readable(e->relr); */
static enum err complete(struct elf *e, struct view dynamic)
{
    TRY(take_dynamic(e, dynamic));
    return check_whole(e);
}

enum err elf_decode(struct elf *e, struct view file)
{
    struct view headers, dynamic = VIEW_NONE;
    begin(e, file);
    TRY(take_header(e, &headers));
    TRY(take_program_headers(e, headers, &dynamic));
    return complete(e, dynamic);
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
    /*@ loop invariant i <= e->segments_n; loop assigns i; loop variant e->segments_n - i; */
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

/* The value that stands at `at`; false when no relocation may change it. */
/*@ requires \valid_read(e) && segments_ok(e) && \valid(value) && \separated(e, value); assigns *value; */
static bool relocatable(const struct elf *e, u64 at, u64 *value)
{
    const struct elf_segment *s = elf_segment_of(e, at);
    struct view bytes;
    if (!s || !(s->flags & ELF_W) || elf_bytes(e, at, 8, &bytes) != OK)
        return false;
    *value = load_le64(bytes, 0);
    return true;
}

/*@ requires \valid(it) && \valid_read(it->e) && \valid(out) && \separated(it, it->e, out);
    requires segments_ok(it->e) && relocations_ok(it) && it->rela.n >= RELA_SIZE;
    assigns it->rela, it->bad, *out; ensures relocations_ok(it) && (\result ==> !it->bad); */
static bool rela_next(struct elf_relocations *it, struct elf_relocation *out)
{
    u64 at = load_le64(it->rela, 0), info = load_le64(it->rela, 8), value;
    it->bad = info != R_X86_64_RELATIVE || !relocatable(it->e, at, &value);
    *out = (struct elf_relocation){.at = at, .value = load_le64(it->rela, 16)};
    it->rela = view_from(it->rela, RELA_SIZE);
    return !it->bad;
}

/* gABI, "Relative Relocation Table": an even entry is an address, an odd one a
 * bitmap of the 63 words that follow what came before. */
/*@ requires \valid(it) && \valid(at) && \separated(it, at) && relocations_ok(it) && !it->bad;
    requires it->bitmap == 0 && it->relr.n >= 8; assigns it->relr, it->bad, it->base, it->bitmap, *at;
    ensures it->relr.n == \old(it->relr.n) - 8 && readable(it->relr) && (\result ==> !it->bad);
    ensures it->bad || (it->base <= ELF_IMAGE_MAX + 512 && (it->bitmap != 0 ==> it->base < ELF_IMAGE_MAX)); */
static bool take_relr(struct elf_relocations *it, u64 *at)
{
    u64 entry = load_le64(it->relr, 0);
    it->relr = view_from(it->relr, 8);
    bool is_address = entry % 2 == 0;
    it->bad = (is_address ? entry : it->base) >= ELF_IMAGE_MAX;
    if (it->bad)
        return false;
    if (is_address) {
        it->base = entry + 8;
        *at = entry;
        return true;
    }
    it->bitmap = entry / 2;
    if (it->bitmap == 0)
        it->base += 63 * 8;
    return false;
}

/* The lowest bit of the bitmap is no more; where it stood. */
/*@ requires \valid(it) && it->bitmap != 0 && it->base < ELF_IMAGE_MAX; assigns it->base, it->bitmap;
    ensures it->base <= ELF_IMAGE_MAX + 512 && (it->bitmap != 0 ==> it->base < ELF_IMAGE_MAX); */
static u64 take_bit(struct elf_relocations *it)
{
    u64 at = it->base + (u64)__builtin_ctzll(it->bitmap) * 8;
    it->bitmap &= it->bitmap - 1;
    if (it->bitmap == 0)
        it->base += 63 * 8;
    return at;
}

/*@ requires \valid(it) && \valid(at) && \separated(it, at) && relocations_ok(it) && !it->bad;
    assigns it->relr, it->bad, it->base, it->bitmap, *at;
    ensures it->bad || relocations_ok(it); ensures \result ==> !it->bad; */
static bool relr_at(struct elf_relocations *it, u64 *at)
{
    /*@ loop invariant relocations_ok(it) && !it->bad;
        loop assigns it->relr, it->bad, it->base, it->bitmap, *at; loop variant it->relr.n; */
    while (it->bitmap == 0) {
        if (it->relr.n < 8)
            return false;
        if (take_relr(it, at))
            return true;
        if (it->bad)
            return false;
    }
    *at = take_bit(it);
    return true;
}

/*@ requires \valid(it) && \valid_read(it->e) && \valid(out) && \separated(it, it->e, out);
    requires segments_ok(it->e) && relocations_ok(it) && !it->bad;
    assigns it->relr, it->bad, it->base, it->bitmap, *out;
    ensures it->bad || relocations_ok(it); ensures \result ==> !it->bad; */
static bool relr_next(struct elf_relocations *it, struct elf_relocation *out)
{
    if (!relr_at(it, &out->at))
        return false;
    it->bad = !relocatable(it->e, out->at, &out->value);
    return !it->bad;
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

/* What is missing to the next multiple of `align`. */
/*@ requires align == 4 || align == 8; assigns \nothing; ensures \result < align; */
static size_t padding(size_t n, size_t align)
{
    return (align - n % align) % align;
}

/* On to the next area that is not empty, when nothing is left of this one. */
/*@ requires \valid(it) && \valid_read(it->e) && \separated(it, it->e) && notes_ok(it->e);
    requires notes_left_ok(it); assigns it->area, it->rest;
    ensures notes_left_ok(it) && (\result ==> it->rest.n > 0);
    ensures it->area > \old(it->area) || (it->area == \old(it->area) && it->rest.n == \old(it->rest.n)); */
static bool next_area(struct elf_notes *it)
{
    /*@ loop invariant notes_left_ok(it) && it->area >= \at(it->area, Pre);
        loop invariant it->area > \at(it->area, Pre) || it->rest.n == \at(it->rest.n, Pre);
        loop assigns it->area, it->rest; loop variant ELF_NOTES_MAX - it->area; */
    while (it->rest.n == 0) {
        if (it->area + 1 >= it->e->notes_n)
            return false;
        it->area++;
        it->rest = AT(it->e->notes, it->area).bytes;
    }
    return true;
}

/*@ requires readable(v); assigns \nothing; ensures readable(\result); */
static struct view without_final_zeroes(struct view v)
{
    /*@ loop invariant readable(v); loop assigns v; loop variant v.n; */
    while (v.n > 0 && view_at(v, v.n - 1) == 0)
        v = view_first(v, v.n - 1);
    return v;
}

/*@ requires \valid(r) && inside(*r) && !r->bad && (align == 4 || align == 8) && \valid(out);
    requires \separated(r, out); assigns r->rest, r->bad, *out;
    ensures inside(*r) && (!r->bad ==> r->rest.n + 12 <= \old(r->rest.n));
    ensures !r->bad ==> readable(out->owner) && readable(out->desc); */
static void get_note(struct reader *r, size_t align, struct elf_note *out)
{
    u32 owner_n = get_le32(r), desc_n = get_le32(r);
    out->type = get_le32(r);
    struct view owner = get_bytes(r, owner_n);
    get_skip(r, padding(12 + (size_t)owner_n, align));
    out->desc = get_bytes(r, desc_n);
    out->owner = without_final_zeroes(owner);
    get_skip(r, MIN(padding(desc_n, align), r->rest.n));
}

bool elf_note_next(struct elf_notes *it, struct elf_note *out)
{
    if (!next_area(it))
        return false;
    struct reader r = reader_of(it->rest);
    get_note(&r, AT(it->e->notes, it->area).align, out);
    if (r.bad)
        it->bad = true;
    else
        it->rest = r.rest;
    return !r.bad;
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

/*@ requires readable(table) && index * 64 + 64 <= table.n; assigns \nothing; */
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

/*@ requires \valid_read(e) && file_ok(e->file) && \valid(out) && \separated(out, e); assigns *out;
    ensures \result == OK ==> readable(*out) && out->n == e->sections_n * 64; */
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
    /*@ loop invariant i <= e->sections_n; loop assigns i, rest; loop variant e->sections_n - i; */
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
    /*@ loop invariant i <= e->sections_n; loop assigns i; loop variant e->sections_n - i; */
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
    /*@ loop invariant i <= s->n; loop assigns i, *out; loop variant s->n - i; */
    for (size_t i = 0; i < s->n; i++)
        if (elf_symbol_at(s, i, out) && out->section != 0 &&
            (out->type == STT_FUNC || out->type == STT_OBJECT) && address >= out->address &&
            address - out->address < out->size)
            return true;
    return false;
}

bool elf_symbol_named(const struct elf_symbols *s, struct view name, struct elf_symbol *out)
{
    /*@ loop invariant i <= s->n; loop assigns i, *out; loop variant s->n - i; */
    for (size_t i = 0; i < s->n; i++)
        if (elf_symbol_at(s, i, out) && out->section != 0 && view_eq(out->name, name))
            return true;
    return false;
}
