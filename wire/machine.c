#include "wire/machine.h"

#include "base/num.h"

enum {
    PVH_MAGIC = 0x336ec578,
    PVH_RAM = 1,
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MEMORY_MAP = 6,
    TAG_ACPI_OLD = 14,
    TAG_ACPI_NEW = 15,
};

/* Of more than there is room for, the smallest are left out: firmware leaves crumbs. */
static void take_ram(struct machine *m, u64 at, u64 n)
{
    u64 end;
    u32 to = 0;
    if (n == 0 || ckd_add(&end, at, n))
        return;
    for (u32 i = 1; i < m->ram_n; i++)
        to = AT(m->ram, i).n < AT(m->ram, to).n ? i : to;
    if (m->ram_n < MACHINE_RAM_MAX)
        to = m->ram_n++;
    else if (AT(m->ram, to).n >= n)
        return;
    AT(m->ram, to) = (struct machine_ram){at, n};
}

enum err pvh_decode(struct view info, struct machine *out, u64 *map_at, u32 *map_n)
{
    *out = (struct machine){0};
    struct reader r = reader_of(info);
    u32 magic = get_le32(&r), version = get_le32(&r);
    get_skip(&r, 16); /* flags, modules */
    out->command_line_at = get_le64(&r);
    out->rsdp_at = get_le64(&r);
    *map_at = get_le64(&r);
    *map_n = get_le32(&r);
    if (r.bad || magic != PVH_MAGIC)
        return ERR_MALFORMED;
    return version >= 1 && *map_n <= PVH_MEMORIES_MAX ? OK : ERR_UNSUPPORTED;
}

void pvh_take_memory(struct view map, struct machine *out)
{
    struct reader r = reader_of(map);
    while (r.rest.n >= PVH_MEMORY_SIZE) {
        u64 at = get_le64(&r), n = get_le64(&r);
        u32 type = get_le32(&r);
        get_skip(&r, 4);
        if (type == PVH_RAM)
            take_ram(out, at, n);
    }
}

u32 multiboot2_size(struct view first)
{
    u32 n = first.n >= 8 ? load_le32(first, 0) : 0;
    return n >= 8 && n <= MULTIBOOT2_INFO_MAX ? n : 0;
}

static void take_memory_map(struct machine *m, struct view tag)
{
    struct reader r = reader_of(tag);
    u32 entry_n = get_le32(&r);
    get_skip(&r, 4);
    while (entry_n >= PVH_MEMORY_SIZE && r.rest.n >= entry_n) {
        struct view entry = get_bytes(&r, entry_n);
        if (load_le32(entry, 16) == PVH_RAM)
            take_ram(m, load_le64(entry, 0), load_le64(entry, 8));
    }
}

enum err multiboot2_decode(struct view info, struct machine *out)
{
    *out = (struct machine){0};
    struct reader r = reader_of(info);
    get_skip(&r, 8);
    while (r.rest.n >= 8) {
        size_t before = r.rest.n;
        u32 type = get_le32(&r), n = get_le32(&r);
        struct view body = n >= 8 ? get_bytes(&r, n - 8) : VIEW_NONE;
        if (n < 8 || r.bad)
            return ERR_MALFORMED;
        if (type == TAG_END)
            return OK;
        if (type == TAG_MEMORY_MAP)
            take_memory_map(out, body);
        if (type == TAG_ACPI_NEW || (type == TAG_ACPI_OLD && out->rsdp.n == 0))
            out->rsdp = body;
        size_t padding = align_up(n, 8) - n; /* tags begin at multiples of 8 */
        get_skip(&r, MIN(padding, r.rest.n));
        must(r.rest.n < before);
    }
    return ERR_MALFORMED;
}

/* Decimal, or hexadecimal after 0x, up to the first other character. */
static bool take_number(struct view *v, u64 *out)
{
    bool hex = view_starts(*v, VIEW("0x"));
    u64 base = hex ? 16 : 10;
    size_t digits = 0;
    *v = view_from(*v, hex ? 2 : 0);
    for (*out = 0; v->n > 0; digits++) {
        u8 c = ascii_lower(view_at(*v, 0));
        u64 digit = c >= '0' && c <= '9' ? (u64)c - '0' : c >= 'a' && c <= 'f' ? (u64)c - 'a' + 10 : 16;
        if (digit >= base)
            break;
        if (ckd_mul(out, *out, base) || ckd_add(out, *out, digit))
            return false;
        *v = view_from(*v, 1);
    }
    return digits > 0;
}

static bool take_byte(struct view *v, u8 byte)
{
    if (v->n == 0 || view_at(*v, 0) != byte)
        return false;
    *v = view_from(*v, 1);
    return true;
}

bool machine_next_virtio(struct view *rest, u64 *at, u32 *irq)
{
    const struct view key = VIEW("virtio_mmio.device=");
    for (;;) { /* Bound: each turn takes a key off the rest. */
        size_t found = view_find_seq(*rest, key);
        if (found == rest->n)
            return false;
        *rest = view_from(*rest, found + key.n);
        u64 size, line;
        if (!take_number(rest, &size))
            continue;
        if (rest->n > 0 && (ascii_lower(view_at(*rest, 0)) == 'k'))
            *rest = view_from(*rest, 1);
        if (take_byte(rest, '@') && take_number(rest, at) && take_byte(rest, ':') &&
            take_number(rest, &line) && line < 256) {
            *irq = (u32)line;
            return true;
        }
    }
}
