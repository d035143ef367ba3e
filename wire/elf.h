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

/* ERR_UNSUPPORTED: no image at all, but some other file. ERR_MALFORMED: damaged,
 * truncated or unsafe (writable and executable …). `wrong` says it in words. */
enum err elf_decode(struct elf *e, struct view file);

/* The file's bytes of address..address+n; ERR_RANGE when one segment's file part
 * does not hold them all. */
enum err elf_bytes(const struct elf *e, u64 address, u64 n, struct view *out);

/* The segment that `address` lies in (with its zero part), or NULL. */
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

struct elf_relocations elf_relocations_of(const struct elf *e);

/* False at the end, or with `bad` set when a relocation is not a relative one or
 * points outside of what may be written. */
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

struct elf_notes elf_notes_of(const struct elf *e);
bool elf_note_next(struct elf_notes *it, struct elf_note *out); /* false: end, or `bad` */

/* The linker's build id; empty when there is none. */
struct view elf_build_id(const struct elf *e);

/* The bytes of the section of that name. ERR_NOT_FOUND: there is none. ERR_MALFORMED;
 * ERR_UNSUPPORTED: it is compressed. */
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

/* ERR_NOT_FOUND: stripped. ERR_MALFORMED */
enum err elf_symbols(const struct elf *e, struct elf_symbols *out);

/* False: number `index` is damaged. Traps past the last. */
bool elf_symbol_at(const struct elf_symbols *s, size_t index, struct elf_symbol *out);

/* The symbol whose bytes hold `address`, or by name. False: there is none. */
bool elf_symbol_of(const struct elf_symbols *s, u64 address, struct elf_symbol *out);
bool elf_symbol_named(const struct elf_symbols *s, struct view name, struct elf_symbol *out);

#endif
