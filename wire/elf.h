/* Reads a Pith image: a static position-independent ELF file for x86-64 (System V
 * gABI and psABI), from bytes that nobody vouches for. Straight-line and pure;
 * every view points into the file's bytes, which the caller owns and keeps.
 * elf_decode checks what a loader needs; symbols are looked at only when asked
 * for, so that a start does not touch them. */
#ifndef WIRE_ELF_H
#define WIRE_ELF_H

#include "base/view.h"

enum {
    PT_PITH_BUNDLE = 0x65000b0d, /* p_offset, p_filesz: the bundle, page-aligned, in no PT_LOAD */
    ELF_PAGE = 4096,
    ELF_SEGMENTS_MAX = 8,
    ELF_NOTES_MAX = 4,
    ELF_IMAGE_MAX = 1 << 30, /* bytes of address space an image may take */
};

enum elf_flags { ELF_X = 1, ELF_W = 2, ELF_R = 4 };

/* A PT_LOAD: offset and address agree within a page; no two share a page. */
struct elf_segment {
    u64 offset, file_n; /* in the file */
    u64 address, mem_n; /* from the image's base; mem_n >= file_n, the rest is zero (only with ELF_W) */
    u32 flags;          /* never ELF_W and ELF_X together */
};

struct elf_note_area {
    struct view bytes;
    u32 align; /* 4 or 8 */
};

struct elf {
    struct view file;
    u64 entry; /* in a segment that is ELF_X */
    u64 span;  /* bytes of address space, a multiple of ELF_PAGE */
    u32 segments_n, notes_n;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    struct elf_note_area notes[ELF_NOTES_MAX];
    u64 relro, relro_n;     /* to be made read-only after relocation; whole pages; 0, 0: none */
    struct view rela, relr; /* relocation tables; see elf_relocation_next */
    u64 bundle_offset;      /* in the file, a multiple of ELF_PAGE */
    struct view bundle;     /* empty: none */
    u64 sections_offset;
    u32 sections_n, sections_names; /* the number of the one that holds their names */
    const char *wrong;      /* set with an error: what is wrong, to follow "NAME: " */
};

/* What elf_decode has made sure of. */
/*@ predicate segment_ok(struct elf_segment *s, integer size) =
        s->offset + s->file_n <= size && s->file_n <= s->mem_n && s->address + s->mem_n <= ELF_IMAGE_MAX;
    predicate note_area_ok(struct elf_note_area *a, integer size) =
        readable(a->bytes) && a->bytes.n <= size && (a->align == 4 || a->align == 8);
    predicate file_ok(struct view file) = readable(file) && file.n < 0x4000000000000000;
    predicate segments_ok(struct elf *e) = file_ok(e->file) && e->segments_n <= ELF_SEGMENTS_MAX &&
        \forall integer i; 0 <= i < e->segments_n ==> segment_ok(&e->segments[i], e->file.n);
    predicate notes_ok(struct elf *e) = file_ok(e->file) && e->notes_n <= ELF_NOTES_MAX &&
        \forall integer i; 0 <= i < e->notes_n ==> note_area_ok(&e->notes[i], e->file.n); */

/* ERR_UNSUPPORTED: no image at all, but some other file. ERR_MALFORMED: damaged,
 * truncated or unsafe (writable and executable …). `wrong` says it in words. */
/*@ requires \valid(e) && file_ok(file); assigns *e;
    ensures \result == OK ==> segments_ok(e);
    ensures \result == OK ==> notes_ok(e);
    ensures \result == OK ==> readable(e->rela) && readable(e->relr); */
enum err elf_decode(struct elf *e, struct view file);

/* The file's bytes of address..address+n; ERR_RANGE when one segment's file part
 * does not hold them all. */
/*@ requires \valid_read(e) && segments_ok(e) && \valid(out) && \separated(out, e); assigns *out;
    ensures \result == OK ==> readable(*out) && out->n == n; */
enum err elf_bytes(const struct elf *e, u64 address, u64 n, struct view *out);

/* The segment that `address` lies in (with its zero part), or NULL. */
/*@ requires \valid_read(e) && segments_ok(e); assigns \nothing;
    ensures \result != \null ==> \valid_read(\result) && segment_ok(\result, e->file.n) &&
        \result->address <= address < \result->address + \result->mem_n; */
const struct elf_segment *elf_segment_of(const struct elf *e, u64 address);

/* Relocations, one after the other: the 8 bytes at `at` become base + value. */
struct elf_relocation {
    u64 at;    /* 8 bytes of one writable segment's file part */
    u64 value; /* below e->span */
};

struct elf_relocations {
    const struct elf *e;
    struct view rela, relr; /* what is left */
    u64 base, bitmap;       /* of RELR: where the bitmap's lowest bit stands */
    bool bad;
};

/*@ predicate relocations_ok(struct elf_relocations *it) =
        readable(it->rela) && readable(it->relr) &&
    it->base <= ELF_IMAGE_MAX + 512 && (it->bitmap != 0 ==> it->base < ELF_IMAGE_MAX); */

/*@ requires \valid_read(e); assigns \nothing;
    ensures \result.e == e && !\result.bad && same(\result.rela, e->rela) && same(\result.relr, e->relr) &&
        \result.base == 0 && \result.bitmap == 0; */
struct elf_relocations elf_relocations_of(const struct elf *e);

/* False at the end, or with `bad` set when a relocation is not a relative one or
 * points outside of what may be written. */
/*@ requires \valid(it) && \valid_read(it->e) && \valid(out) && \separated(it, it->e, out);
    requires segments_ok(it->e) && (it->bad || relocations_ok(it));
    assigns it->rela, it->relr, it->base, it->bitmap, it->bad, *out;
    ensures it->bad || relocations_ok(it);
    ensures \result ==> !it->bad && out->value < it->e->span; */
bool elf_relocation_next(struct elf_relocations *it, struct elf_relocation *out);

/* Notes (gABI, "Note Section"), of all areas in order. */
struct elf_note {
    struct view owner; /* without its final zeroes */
    struct view desc;
    u32 type;
};

struct elf_notes {
    const struct elf *e;
    u32 area;
    struct view rest;
    bool bad;
};

/*@ predicate notes_left_ok(struct elf_notes *it) =
        readable(it->rest) && it->rest.n <= it->e->file.n && it->area <= ELF_NOTES_MAX &&
    (it->rest.n > 0 ==> it->area < it->e->notes_n); */

/*@ requires \valid_read(e) && notes_ok(e); assigns \nothing;
    ensures \result.e == e && !\result.bad && \result.area == 0 && readable(\result.rest);
    ensures \result.rest.n <= e->file.n && (\result.rest.n > 0 ==> e->notes_n > 0); */
struct elf_notes elf_notes_of(const struct elf *e);
/*@ requires \valid(it) && \valid_read(it->e) && \valid(out) && \separated(it, it->e, out);
    requires notes_ok(it->e); requires notes_left_ok(it); assigns it->area, it->rest, it->bad, *out;
    ensures notes_left_ok(it);
    ensures \result ==> readable(out->owner) && readable(out->desc);
    ensures \result ==> it->area > \old(it->area) ||
        (it->area == \old(it->area) && it->rest.n < \old(it->rest.n)); */
bool elf_note_next(struct elf_notes *it, struct elf_note *out); /* false: end, or `bad` */

/* The linker's build id; empty when there is none. */
/*@ requires \valid_read(e) && notes_ok(e); assigns \nothing; */
struct view elf_build_id(const struct elf *e);

/* The bytes of the section of that name. ERR_NOT_FOUND: there is none. ERR_MALFORMED;
 * ERR_UNSUPPORTED: it is compressed. */
/*@ requires \valid_read(e) && file_ok(e->file) && readable(name) && \valid(out) && \separated(out, e);
    assigns *out; ensures \result == OK ==> readable(*out); */
enum err elf_section(const struct elf *e, struct view name, struct view *out);

/* .symtab: every function and object, not sorted. */
struct elf_symbols {
    struct view table, names;
    size_t n;
};

struct elf_symbol {
    struct view name;
    u64 address, size;
    u8 type; /* 1 object, 2 function, 4 file … (STT_*) */
    u16 section;
};

/*@ predicate symbols_ok(struct elf_symbols *s) =
        readable(s->table) && readable(s->names) && s->n * 24 <= s->table.n; */

/* ERR_NOT_FOUND: stripped. ERR_MALFORMED */
/*@ requires \valid_read(e) && file_ok(e->file) && \valid(out) && \separated(out, e); assigns *out;
    ensures \result == OK ==> symbols_ok(out); */
enum err elf_symbols(const struct elf *e, struct elf_symbols *out);

/* False: number `index` is damaged. Traps past the last. */
/*@ requires \valid_read(s) && symbols_ok(s) && index < s->n && \valid(out) && \separated(out, s);
    assigns *out; ensures \result ==> readable(out->name); */
bool elf_symbol_at(const struct elf_symbols *s, size_t index, struct elf_symbol *out);

/* The symbol whose bytes hold `address`, or by name. False: there is none. */
/*@ requires \valid_read(s) && symbols_ok(s) && \valid(out) && \separated(out, s); assigns *out;
    ensures \result ==> readable(out->name); */
bool elf_symbol_of(const struct elf_symbols *s, u64 address, struct elf_symbol *out);
/*@ requires \valid_read(s) && symbols_ok(s) && readable(name) && \valid(out) && \separated(out, s);
    assigns *out; ensures \result ==> readable(out->name); */
bool elf_symbol_named(const struct elf_symbols *s, struct view name, struct elf_symbol *out);

#endif
