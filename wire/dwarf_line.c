#include "wire/dwarf_line.h"

#include "base/num.h"

u64 get_uleb(struct reader *r)
{
    u64 x = 0;
    for (u32 shift = 0; shift < 70; shift += 7) {
        u64 bits = get_u8(r);
        if (shift == 63 && bits > 1)
            break;
        x |= (bits & 0x7f) << shift;
        if (bits < 0x80)
            return x;
    }
    r->bad = true;
    return 0;
}

i64 get_sleb(struct reader *r)
{
    u64 x = 0;
    for (u32 shift = 0; shift < 63; shift += 7) {
        u64 bits = get_u8(r);
        x |= (bits & 0x7f) << shift;
        if (bits >= 0x80)
            continue;
        if (bits & 0x40)
            x |= ~(u64)0 << (shift + 7);
        return (i64)x;
    }
    r->bad = true;
    return 0;
}

struct view get_zero_ended(struct reader *r)
{
    struct view text = get_bytes(r, view_find(r->rest, 0));
    get_skip(r, 1);
    return r->bad ? VIEW_NONE : text;
}

struct view dwarf_text_at(struct view section, u64 offset)
{
    if (offset >= section.n)
        return VIEW_NONE;
    struct reader r = reader_of(view_from(section, offset));
    return get_zero_ended(&r);
}

/* ---- the header ----------------------------------------------------------------- */

enum { DW_LNCT_path = 1, DW_LNCT_directory_index = 2 };

/* One entry of a list: of what its format tells, the name and the directory. */
static void get_entry(const struct dwarf_list *l, struct reader *r, struct view *path, u64 *dir)
{
    struct reader format = l->format;
    for (u64 i = 0; i < l->formats_n && !r->bad; i++) {
        u64 type = get_uleb(&format), form = get_uleb(&format), number = 0;
        struct view text = VIEW_NONE;
        switch (form) {
        case DW_FORM_string:
            text = get_zero_ended(r);
            break;
        case DW_FORM_line_strp:
            text = dwarf_text_at(l->d->line_str, get_le32(r));
            break;
        case DW_FORM_strp:
            text = dwarf_text_at(l->d->str, get_le32(r));
            break;
        case DW_FORM_data1:
            number = get_u8(r);
            break;
        case DW_FORM_data2:
            number = get_le16(r);
            break;
        case DW_FORM_data4:
            number = get_le32(r);
            break;
        case DW_FORM_udata:
            number = get_uleb(r);
            break;
        case DW_FORM_data16:
            get_skip(r, 16);
            break;
        case DW_FORM_block:
            get_skip(r, get_uleb(r));
            break;
        default:
            r->bad = true;
        }
        if (type == DW_LNCT_path)
            *path = text;
        if (type == DW_LNCT_directory_index)
            *dir = number;
    }
}

/* An entry takes at least a byte, so that a hostile count is found out soon. */
static struct dwarf_list get_list(const struct dwarf *d, struct reader *r)
{
    struct dwarf_list l = {.d = d, .formats_n = get_u8(r)};
    l.format = *r;
    for (u64 i = 0; i < l.formats_n; i++) {
        (void)get_uleb(r);
        (void)get_uleb(r);
    }
    l.n = get_uleb(r);
    l.entries = *r;
    if (l.n > r->rest.n || (l.n > 0 && l.formats_n == 0))
        r->bad = true;
    for (u64 i = 0; i < l.n && !r->bad; i++) {
        struct view path;
        u64 dir;
        get_entry(&l, r, &path, &dir);
    }
    return l;
}

enum err dwarf_lines_at(const struct dwarf *d, u64 offset, struct dwarf_lines *out)
{
    if (offset > d->line.n)
        return ERR_MALFORMED;
    struct reader r = reader_of(view_from(d->line, offset));
    struct reader table = reader_of(get_bytes(&r, get_le32(&r)));
    u16 version = get_le16(&table);
    get_skip(&table, 2); /* sizes of addresses and segment selectors */
    struct reader header = reader_of(get_bytes(&table, get_le32(&table)));
    if (r.bad || table.bad)
        return ERR_MALFORMED;
    if (version != 5)
        return ERR_UNSUPPORTED;
    out->program = table.rest;
    out->min_length = get_u8(&header);
    get_skip(&header, 2); /* operations an instruction, and whether rows begin statements */
    out->line_base = (i8)get_u8(&header);
    out->line_range = get_u8(&header);
    out->opcode_base = get_u8(&header);
    out->lengths = get_bytes(&header, sat_sub(out->opcode_base, 1));
    out->dirs = get_list(d, &header);
    out->files = get_list(d, &header);
    return header.bad || out->line_range == 0 || out->opcode_base == 0 ? ERR_MALFORMED : OK;
}

static enum err entry_at(const struct dwarf_list *l, u64 index, struct view *path, u64 *dir)
{
    struct reader r = l->entries;
    if (index >= l->n)
        return ERR_MALFORMED;
    *dir = 0;
    *path = VIEW_NONE;
    for (u64 i = 0; i <= index; i++)
        get_entry(l, &r, path, dir);
    return r.bad ? ERR_MALFORMED : OK;
}

/* A path below `base`, where everything was compiled, is told from there. */
static struct view from_base(struct view path, struct view base)
{
    if (base.n > 0 && path.n > base.n && view_starts(path, base) && view_at(path, base.n) == '/')
        path = view_from(path, base.n + 1);
    return view_starts(path, VIEW("./")) ? view_from(path, 2) : path;
}

enum err dwarf_place_of(const struct dwarf_lines *l, u64 file, u64 line, struct dwarf_place *out)
{
    u64 dir, none;
    struct view base;
    TRY(entry_at(&l->files, file, &out->file, &dir));
    TRY(entry_at(&l->dirs, dir, &out->dir, &none));
    TRY(entry_at(&l->dirs, 0, &base, &none));
    out->file = from_base(out->file, base);
    out->dir = from_base(out->dir, base);
    if (dir == 0 || view_starts(out->file, VIEW("/")))
        out->dir = VIEW_NONE;
    out->line = (u32)MIN(line, (u64)UINT32_MAX);
    return OK;
}

/* ---- the program (§6.2.5) ------------------------------------------------------- */

enum {
    DW_LNS_copy = 1,
    DW_LNS_advance_pc = 2,
    DW_LNS_advance_line = 3,
    DW_LNS_set_file = 4,
    DW_LNS_const_add_pc = 8,
    DW_LNS_fixed_advance_pc = 9,
    DW_LNE_end_sequence = 1,
    DW_LNE_set_address = 2,
};

struct row {
    u64 address, file, line;
};

static const struct row first_row = {.file = 1, .line = 1};

struct line_machine {
    const struct dwarf_lines *l;
    struct reader r;
    struct row now, before; /* being made; the last that was made */
    bool has_before, row, end;
};

static void advance(struct line_machine *m, u64 operations)
{
    m->now.address = wrap_add64(m->now.address, wrap_mul64(operations, m->l->min_length));
}

static void extended(struct line_machine *m)
{
    struct reader r = reader_of(get_bytes(&m->r, get_uleb(&m->r)));
    switch (get_u8(&r)) {
    case DW_LNE_end_sequence:
        m->row = m->end = true;
        break;
    case DW_LNE_set_address:
        m->now.address = get_le64(&r);
        break;
    default:
        return; /* what does not change a row of ours */
    }
    m->r.bad |= r.bad;
}

static void standard(struct line_machine *m, u8 opcode)
{
    switch (opcode) {
    case DW_LNS_copy:
        m->row = true;
        break;
    case DW_LNS_advance_pc:
        advance(m, get_uleb(&m->r));
        break;
    case DW_LNS_advance_line:
        m->now.line = wrap_add64(m->now.line, (u64)get_sleb(&m->r));
        break;
    case DW_LNS_set_file:
        m->now.file = get_uleb(&m->r);
        break;
    case DW_LNS_const_add_pc:
        advance(m, (u64)(255 - m->l->opcode_base) / m->l->line_range);
        break;
    case DW_LNS_fixed_advance_pc:
        m->now.address = wrap_add64(m->now.address, get_le16(&m->r));
        break;
    default:
        for (u8 n = view_at(m->l->lengths, (size_t)opcode - 1); n > 0; n--)
            (void)get_uleb(&m->r);
    }
}

static void step(struct line_machine *m)
{
    u8 opcode = get_u8(&m->r);
    if (opcode == 0) {
        extended(m);
    } else if (opcode < m->l->opcode_base) {
        standard(m, opcode);
    } else {
        u8 special = (u8)(opcode - m->l->opcode_base);
        advance(m, special / m->l->line_range);
        m->now.line = wrap_add64(m->now.line, (u64)(m->l->line_base + special % m->l->line_range));
        m->row = true;
    }
}

enum err dwarf_line_of(const struct dwarf_lines *l, u64 address, struct dwarf_place *out)
{
    struct line_machine m = {.l = l, .r = reader_of(l->program), .now = first_row};
    while (m.r.rest.n > 0 && !m.r.bad) {
        m.row = m.end = false;
        step(&m);
        if (!m.row)
            continue;
        if (m.has_before && address >= m.before.address && address < m.now.address)
            return dwarf_place_of(l, m.before.file, m.before.line, out);
        m.has_before = !m.end;
        m.before = m.now;
        if (m.end)
            m.now = first_row;
    }
    return m.r.bad ? ERR_MALFORMED : ERR_NOT_FOUND;
}
