#include "wire/dwarf.h"

#include "base/num.h"
#include "wire/dwarf_line.h"

/* Names and numbers of DWARF 5 §7.5. Forms that tables have as well: dwarf_line.h. */
enum {
    DW_UT_compile = 1,
    DW_TAG_compile_unit = 0x11,
    DW_TAG_inlined_subroutine = 0x1d,
    DW_TAG_subprogram = 0x2e,
    DW_AT_name = 0x03,
    DW_AT_stmt_list = 0x10,
    DW_AT_low_pc = 0x11,
    DW_AT_high_pc = 0x12,
    DW_AT_abstract_origin = 0x31,
    DW_AT_specification = 0x47,
    DW_AT_ranges = 0x55,
    DW_AT_call_file = 0x58,
    DW_AT_call_line = 0x59,
    DW_AT_str_offsets_base = 0x72,
    DW_AT_addr_base = 0x73,
    DW_AT_rnglists_base = 0x74,
    DW_FORM_addr = 0x01,
    DW_FORM_block2 = 0x03,
    DW_FORM_block4 = 0x04,
    DW_FORM_data8 = 0x07,
    DW_FORM_block1 = 0x0a,
    DW_FORM_flag = 0x0c,
    DW_FORM_sdata = 0x0d,
    DW_FORM_ref_addr = 0x10,
    DW_FORM_ref1 = 0x11,
    DW_FORM_ref2 = 0x12,
    DW_FORM_ref4 = 0x13,
    DW_FORM_ref8 = 0x14,
    DW_FORM_ref_udata = 0x15,
    DW_FORM_sec_offset = 0x17,
    DW_FORM_exprloc = 0x18,
    DW_FORM_flag_present = 0x19,
    DW_FORM_strx = 0x1a,
    DW_FORM_addrx = 0x1b,
    DW_FORM_implicit_const = 0x21,
    DW_FORM_loclistx = 0x22,
    DW_FORM_rnglistx = 0x23,
    DW_FORM_strx1 = 0x25,
    DW_FORM_strx2 = 0x26,
    DW_FORM_strx4 = 0x28,
    DW_FORM_addrx1 = 0x29,
    DW_FORM_addrx2 = 0x2a,
    DW_FORM_addrx4 = 0x2c,
};

enum {
    UNIT_HEADER = 12, /* bytes: length, version, type, size of addresses, abbreviations */
    ABBREVIATIONS_KNOWN = 256,
    DEPTH_MAX = 256,
    ORIGINS_MAX = 4,
};

/* An attribute as it stands there; form 0: it does not. */
struct attribute {
    u64 form, n;
    struct view text;
};

/* An entry (DIE), of which only this is kept. */
struct entry {
    u64 tag; /* 0: the end of a list of children */
    bool children;
    struct attribute name, lines, low, high, ranges, origin, call_file, call_line;
    struct attribute str_offsets, addr, rnglists;
};

/* Where the abbreviations 1 to ABBREVIATIONS_KNOWN of a table stand. */
struct abbreviations {
    u64 offset; /* of the table, plus 1; 0: none */
    u64 count;
    u32 at[ABBREVIATIONS_KNOWN];
};

struct unit {
    const struct dwarf *d;
    u64 offset, n;         /* in .debug_info, with the header */
    u64 abbreviations;     /* offset of the table */
    u64 str_offsets, addr, rnglists; /* bases (§7.26 and following) */
    u64 low;               /* what its ranges count from */
};

enum err dwarf_sections(const struct elf *e, struct dwarf *out)
{
    const struct {
        struct view name, *to;
    } wanted[] = {
        {VIEW(".debug_info"), &out->info}, {VIEW(".debug_abbrev"), &out->abbrev},
        {VIEW(".debug_line"), &out->line}, {VIEW(".debug_line_str"), &out->line_str},
        {VIEW(".debug_str"), &out->str},   {VIEW(".debug_str_offsets"), &out->str_offsets},
        {VIEW(".debug_addr"), &out->addr}, {VIEW(".debug_rnglists"), &out->rnglists},
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        enum err result = elf_section(e, AT(wanted, i).name, AT(wanted, i).to);
        if (result == ERR_NOT_FOUND)
            *AT(wanted, i).to = VIEW_NONE;
        else if (result != OK)
            return result;
    }
    return out->info.n > 0 && out->line.n > 0 ? OK : ERR_NOT_FOUND;
}

/* ---- entries -------------------------------------------------------------------- */

/* Reads an attribute's value; of blocks nothing is kept. */
static struct attribute get_attribute(struct reader *r, u64 form, u64 implicit)
{
    struct attribute a = {.form = form};
    switch (form) {
    case DW_FORM_data1:
    case DW_FORM_flag:
    case DW_FORM_ref1:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
        a.n = get_u8(r);
        break;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
        a.n = get_le16(r);
        break;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_ref_addr:
    case DW_FORM_sec_offset:
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
        a.n = get_le32(r);
        break;
    case DW_FORM_addr:
    case DW_FORM_data8:
    case DW_FORM_ref8:
        a.n = get_le64(r);
        break;
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
        a.n = get_uleb(r);
        break;
    case DW_FORM_sdata:
        a.n = (u64)get_sleb(r);
        break;
    case DW_FORM_implicit_const:
        a.n = implicit;
        break;
    case DW_FORM_flag_present:
        break;
    case DW_FORM_string:
        a.text = get_zero_ended(r);
        break;
    case DW_FORM_data16:
        get_skip(r, 16);
        break;
    case DW_FORM_block1:
        get_skip(r, get_u8(r));
        break;
    case DW_FORM_block2:
        get_skip(r, get_le16(r));
        break;
    case DW_FORM_block4:
        get_skip(r, get_le32(r));
        break;
    case DW_FORM_block:
    case DW_FORM_exprloc:
        get_skip(r, get_uleb(r));
        break;
    default:
        r->bad = true;
    }
    return a;
}

static void keep(struct entry *e, u64 name, struct attribute a)
{
    switch (name) {
    case DW_AT_name:
        e->name = a;
        break;
    case DW_AT_stmt_list:
        e->lines = a;
        break;
    case DW_AT_low_pc:
        e->low = a;
        break;
    case DW_AT_high_pc:
        e->high = a;
        break;
    case DW_AT_ranges:
        e->ranges = a;
        break;
    case DW_AT_abstract_origin:
    case DW_AT_specification:
        e->origin = a;
        break;
    case DW_AT_call_file:
        e->call_file = a;
        break;
    case DW_AT_call_line:
        e->call_line = a;
        break;
    case DW_AT_str_offsets_base:
        e->str_offsets = a;
        break;
    case DW_AT_addr_base:
        e->addr = a;
        break;
    case DW_AT_rnglists_base:
        e->rnglists = a;
        break;
    }
}

/* The pairs of name and form that an abbreviation lists, up to a pair of zeroes. */
static bool get_pair(struct reader *r, u64 *name, u64 *form, u64 *implicit)
{
    *name = get_uleb(r);
    *form = get_uleb(r);
    *implicit = *form == DW_FORM_implicit_const ? (u64)get_sleb(r) : 0;
    return !r->bad && (*name != 0 || *form != 0);
}

/* Compilers number abbreviations from 1 on, in order: those are noted. */
static void know(struct abbreviations *known, const struct dwarf *d, u64 offset)
{
    if (known->offset == offset + 1 || offset > d->abbrev.n)
        return;
    *known = (struct abbreviations){.offset = offset + 1};
    struct reader r = reader_of(view_from(d->abbrev, offset));
    while (known->count < ABBREVIATIONS_KNOWN && get_uleb(&r) == known->count + 1) {
        u64 name, form, implicit;
        AT(known->at, known->count) = (u32)MIN(d->abbrev.n - r.rest.n, (u64)UINT32_MAX);
        (void)get_uleb(&r);
        get_skip(&r, 1);
        while (get_pair(&r, &name, &form, &implicit))
            ;
        if (r.bad)
            return;
        known->count++;
    }
}

/* What follows the abbreviation's number: its tag, whether it has children, its pairs. */
static struct reader abbreviation(const struct abbreviations *known, const struct dwarf *d, u64 code)
{
    u64 name, form, implicit;
    if (code == 0 || known->offset == 0)
        return (struct reader){.bad = true};
    if (code <= known->count)
        return reader_of(view_from(d->abbrev, AT(known->at, code - 1)));
    struct reader r = reader_of(view_from(d->abbrev, known->offset - 1));
    for (u64 found; (found = get_uleb(&r)) != code && !r.bad;) {
        r.bad |= found == 0;
        (void)get_uleb(&r);
        get_skip(&r, 1);
        while (get_pair(&r, &name, &form, &implicit))
            ;
    }
    return r;
}

/* False: the entry makes no sense. */
static bool get_die(struct reader *r, const struct abbreviations *known, const struct dwarf *d,
                    struct entry *out)
{
    u64 code = get_uleb(r), name, form, implicit;
    *out = (struct entry){0};
    if (code == 0)
        return !r->bad;
    struct reader pairs = abbreviation(known, d, code);
    out->tag = get_uleb(&pairs);
    out->children = get_u8(&pairs) != 0;
    while (get_pair(&pairs, &name, &form, &implicit))
        keep(out, name, get_attribute(r, form, implicit));
    return !r->bad && !pairs.bad && out->tag != 0;
}

/* ---- what attributes refer to --------------------------------------------------- */

/* Number `index` of a table of integers of `size` bytes that begins at `base`. */
static bool table_entry(struct view table, u64 base, u64 index, u64 size, u64 *out)
{
    u64 at;
    if (ckd_mul(&at, index, size) || ckd_add(&at, at, base) || at > table.n || table.n - at < size)
        return false;
    *out = size == 4 ? load_le32(table, at) : load_le64(table, at);
    return true;
}

static struct view text_of(const struct unit *u, struct attribute a)
{
    u64 offset;
    switch (a.form) {
    case DW_FORM_string:
        return a.text;
    case DW_FORM_strp:
        return dwarf_text_at(u->d->str, a.n);
    case DW_FORM_line_strp:
        return dwarf_text_at(u->d->line_str, a.n);
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx4:
        if (table_entry(u->d->str_offsets, u->str_offsets, a.n, 4, &offset))
            return dwarf_text_at(u->d->str, offset);
        return VIEW_NONE;
    default:
        return VIEW_NONE;
    }
}

static bool address_of(const struct unit *u, struct attribute a, u64 *out)
{
    *out = a.n;
    switch (a.form) {
    case DW_FORM_addr:
        return true;
    case DW_FORM_addrx:
    case DW_FORM_addrx1:
    case DW_FORM_addrx2:
    case DW_FORM_addrx4:
        return table_entry(u->d->addr, u->addr, a.n, 8, out);
    default:
        return false;
    }
}

/* ---- ranges (§7.25) ------------------------------------------------------------- */

enum range_kind {
    DW_RLE_end_of_list,
    DW_RLE_base_addressx,
    DW_RLE_startx_endx,
    DW_RLE_startx_length,
    DW_RLE_offset_pair,
    DW_RLE_base_address,
    DW_RLE_start_end,
    DW_RLE_start_length,
};

static u64 get_addrx(const struct unit *u, struct reader *r)
{
    u64 address = 0, index = get_uleb(r);
    if (!table_entry(u->d->addr, u->addr, index, 8, &address))
        r->bad = true;
    return address;
}

static bool list_holds(const struct unit *u, struct reader *r, u64 address)
{
    u64 base = u->low;
    while (!r->bad) {
        u64 from, to;
        switch (get_u8(r)) {
        case DW_RLE_base_addressx:
            base = get_addrx(u, r);
            continue;
        case DW_RLE_base_address:
            base = get_le64(r);
            continue;
        case DW_RLE_startx_endx:
            from = get_addrx(u, r);
            to = get_addrx(u, r);
            break;
        case DW_RLE_startx_length:
            from = get_addrx(u, r);
            to = sat_add(from, get_uleb(r));
            break;
        case DW_RLE_offset_pair:
            from = sat_add(base, get_uleb(r));
            to = sat_add(base, get_uleb(r));
            break;
        case DW_RLE_start_end:
            from = get_le64(r);
            to = get_le64(r);
            break;
        case DW_RLE_start_length:
            from = get_le64(r);
            to = sat_add(from, get_uleb(r));
            break;
        default: /* DW_RLE_end_of_list */
            return false;
        }
        if (!r->bad && address >= from && address < to)
            return true;
    }
    return false;
}

/* Whether the entry's code holds the address. */
static bool holds(const struct unit *u, const struct entry *e, u64 address)
{
    u64 low, high = e->high.n, at = e->ranges.n;
    if (e->ranges.form == 0) {
        bool known = e->high.form != 0 && address_of(u, e->low, &low);
        return known && address >= low &&
               (e->high.form == DW_FORM_addr ? address < high : address - low < high);
    }
    if (e->ranges.form == DW_FORM_rnglistx &&
        (!table_entry(u->d->rnglists, u->rnglists, e->ranges.n, 4, &at) || ckd_add(&at, at, u->rnglists)))
        return false;
    if (at >= u->d->rnglists.n)
        return false;
    struct reader r = reader_of(view_from(u->d->rnglists, at));
    return list_holds(u, &r, address);
}

/* ---- units ---------------------------------------------------------------------- */

/* The unit's bases, from its first entry; `r` then stands at the next one. */
static bool open_unit(struct unit *u, struct abbreviations *known, struct reader *r, struct entry *root)
{
    know(known, u->d, u->abbreviations);
    if (!get_die(r, known, u->d, root) || root->tag != DW_TAG_compile_unit)
        return false;
    u->str_offsets = root->str_offsets.n;
    u->addr = root->addr.n;
    u->rnglists = root->rnglists.n;
    if (!address_of(u, root->low, &u->low))
        u->low = 0;
    return true;
}

/* Takes the next unit; `entries` gets its entries, and is empty where the unit is of
 * a version or kind that holds none of ours. False: the end, or rubbish. */
static bool next_unit(const struct dwarf *d, u64 *at, struct unit *u, struct reader *entries)
{
    if (*at >= d->info.n)
        return false;
    struct reader all = reader_of(view_from(d->info, *at));
    struct reader r = reader_of(get_bytes(&all, get_le32(&all)));
    u16 version = get_le16(&r);
    u8 type = get_u8(&r), address_size = get_u8(&r);
    *u = (struct unit){.d = d, .offset = *at, .n = d->info.n - *at - all.rest.n};
    u->abbreviations = get_le32(&r);
    bool ours = !r.bad && version == 5 && type == DW_UT_compile && address_size == 8;
    *entries = ours ? r : reader_of(VIEW_NONE);
    *at += u->n;
    return !all.bad;
}

/* Of a function's entry, or of the place where it was inlined. */
struct function {
    struct attribute name, origin;
    u64 call_file, call_line;
};

/* Its name may stand in the entry that it is an instance of. */
static struct view name_of(const struct unit *u, const struct function *f, struct abbreviations *known)
{
    struct unit now = *u;
    struct entry entry = {.name = f->name, .origin = f->origin}, root;
    for (int i = 0; i < ORIGINS_MAX && entry.name.form == 0 && entry.origin.form != 0; i++) {
        u64 target = entry.origin.n, at = 0;
        struct reader r;
        if (entry.origin.form != DW_FORM_ref_addr && ckd_add(&target, target, now.offset))
            return VIEW_NONE;
        do {
            if (!next_unit(u->d, &at, &now, &r))
                return VIEW_NONE;
        } while (target >= at);
        if (target < now.offset + UNIT_HEADER || !open_unit(&now, known, &r, &root))
            return VIEW_NONE;
        r = reader_of(view_sub(u->d->info, target, now.offset + now.n - target));
        if (!get_die(&r, known, u->d, &entry))
            return VIEW_NONE;
    }
    return text_of(&now, entry.name);
}

/* ---- frames --------------------------------------------------------------------- */

/* From the function that was called inwards: what was inlined, and where. */
struct chain {
    u32 n;
    struct function f[DWARF_FRAMES_MAX];
};

/* Walks the tree of a unit to the function that holds the address. */
static bool find_chain(const struct unit *u, const struct abbreviations *known, struct reader *r, u64 address,
                       struct chain *out)
{
    u64 depth = 1, outside = 0; /* of the function, once it was found */
    struct entry e;
    out->n = 0;
    while (depth > outside && depth < DEPTH_MAX && r->rest.n > 0 && get_die(r, known, u->d, &e)) {
        bool function = out->n == 0 && e.tag == DW_TAG_subprogram;
        bool inlined = out->n > 0 && out->n < DWARF_FRAMES_MAX && e.tag == DW_TAG_inlined_subroutine;
        if ((function || inlined) && holds(u, &e, address)) {
            AT(out->f, out->n) = (struct function){e.name, e.origin, e.call_file.n, e.call_line.n};
            out->n++;
            if (function)
                outside = depth;
            if (function && !e.children)
                break;
        }
        if (e.tag == 0)
            depth--;
        else if (e.children)
            depth++;
    }
    return out->n > 0;
}

static enum err put_frames(const struct unit *u, const struct chain *c, struct abbreviations *known,
                           const struct dwarf_lines *l, u64 address, struct dwarf_frames *out)
{
    struct dwarf_place at;
    enum err result = dwarf_line_of(l, address, &at);
    if (result == ERR_NOT_FOUND)
        at = (struct dwarf_place){0};
    else if (result != OK)
        return result;
    out->n = MAX(c->n, (u32)1);
    for (u32 i = 0; i < out->n; i++) {
        u32 from = out->n - 1 - i;
        AT(out->f, i) = (struct dwarf_frame){.at = at};
        if (c->n == 0)
            break;
        const struct function *f = &AT(c->f, from);
        AT(out->f, i).function = name_of(u, f, known);
        if (from > 0 && dwarf_place_of(l, f->call_file, f->call_line, &at) != OK)
            at = (struct dwarf_place){0};
    }
    return OK;
}

enum err dwarf_find(const struct dwarf *d, u64 address, struct dwarf_frames *out)
{
    struct abbreviations known = {0};
    struct unit u;
    struct reader r;
    u64 at = 0;
    while (next_unit(d, &at, &u, &r)) {
        struct entry root;
        struct dwarf_lines lines;
        struct chain chain = {0};
        if (r.rest.n == 0 || !open_unit(&u, &known, &r, &root) || !holds(&u, &root, address))
            continue;
        TRY(dwarf_lines_at(d, root.lines.n, &lines));
        if (root.children)
            (void)find_chain(&u, &known, &r, address, &chain);
        return put_frames(&u, &chain, &known, &lines, address, out);
    }
    return ERR_NOT_FOUND;
}
