/* Line number tables (DWARF 5 §6.2): one a unit of compilation. For wire/dwarf.c. */
#ifndef WIRE_DWARF_LINE_H
#define WIRE_DWARF_LINE_H

#include "base/codec.h"
#include "wire/dwarf.h"

/* A list of directories or files, each entry as `format` says (§6.2.4.1). */
struct dwarf_list {
    const struct dwarf *d;
    struct reader format, entries;
    u64 formats_n, n;
};

struct dwarf_lines {
    struct dwarf_list dirs, files;
    struct view lengths, program; /* of the standard opcodes' operands; the opcodes */
    u64 min_length;
    u8 opcode_base, line_range;
    i8 line_base;
};

/* The table at `offset` of the section. */
enum err dwarf_lines_at(const struct dwarf *d, u64 offset, struct dwarf_lines *out);

/* The row that `address` lies in. ERR_NOT_FOUND */
enum err dwarf_line_of(const struct dwarf_lines *l, u64 address, struct dwarf_place *out);

/* The place of a line in the table's file of that number. */
enum err dwarf_place_of(const struct dwarf_lines *l, u64 file, u64 line, struct dwarf_place *out);

/* Integers of variable length (§7.6); one that does not fit in 64 bits, or 63 with its
 * sign, is bad. */
u64 get_uleb(struct reader *r);
i64 get_sleb(struct reader *r);

/* A text that ends with a zero, without it; bad where there is none. */
struct view get_zero_ended(struct reader *r);
struct view dwarf_text_at(struct view section, u64 offset);

/* Forms of attributes (§7.5.6) that both tables and entries use. */
enum dwarf_form {
    DW_FORM_data2 = 0x05,
    DW_FORM_data4 = 0x06,
    DW_FORM_string = 0x08,
    DW_FORM_block = 0x09,
    DW_FORM_data1 = 0x0b,
    DW_FORM_strp = 0x0e,
    DW_FORM_udata = 0x0f,
    DW_FORM_data16 = 0x1e,
    DW_FORM_line_strp = 0x1f,
};

#endif
