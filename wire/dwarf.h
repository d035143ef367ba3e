/* Reads debug information: DWARF version 5 in its 32-bit format, as compilers and
 * linkers write it into an ELF file for x86-64. It answers one question: which
 * functions, inlined ones too, and which lines of source an address of code belongs
 * to. Pure, without memory of its own and bounded by the file's size, so that it can
 * be asked in the handler of a crash. Every view points into the file's bytes. */
#ifndef WIRE_DWARF_H
#define WIRE_DWARF_H

#include "wire/elf.h"

enum { DWARF_FRAMES_MAX = 16 };

/* The sections that take part (§7.5, §7.26 and others). */
struct dwarf {
    struct view info, abbrev, line, line_str, str, str_offsets, addr, rnglists;
};

/* A place in a source file; no file: not known. */
struct dwarf_place {
    struct view dir;  /* empty where the file's name begins at the directory of the compilation */
    struct view file;
    u32 line;         /* 0: the code serves several lines */
};

struct dwarf_frame {
    struct view function;
    struct dwarf_place at;
};

/* From the innermost inlined function to the one that was called; of more than fit,
 * the innermost are left out. */
struct dwarf_frames {
    u32 n;
    struct dwarf_frame f[DWARF_FRAMES_MAX];
};

/* ERR_NOT_FOUND: the file has no debug information. ERR_MALFORMED */
enum err dwarf_sections(const struct elf *e, struct dwarf *out);

/* ERR_NOT_FOUND: nothing is said of this address. ERR_MALFORMED, ERR_UNSUPPORTED */
enum err dwarf_find(const struct dwarf *d, u64 address, struct dwarf_frames *out);

#endif
