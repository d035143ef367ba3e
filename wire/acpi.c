#include "wire/acpi.h"

#include "base/num.h"

enum {
    RSDP_OLD_SIZE = 20,
    MADT_FIRST = 44, /* the controllers */
    MADT_IOAPIC = 1,
    SPACE_MEMORY = 0,
    SPACE_PORTS = 1,
    FADT_DSDT = 40,
    FADT_SCI = 46,
    FADT_PM1A_EVENT = 56,
    FADT_PM1A_CONTROL = 64,
    FADT_PM_TIMER = 76,
    FADT_PM1_EVENT_N = 88,
    FADT_SIZE_1 = 116,
    FADT_SLEEP_CONTROL = 244,
    FADT_SIZE_5 = 268,
};

enum err acpi_get_root(struct view rsdp, struct acpi_root *out)
{
    if (rsdp.n < RSDP_OLD_SIZE || !view_starts(rsdp, VIEW("RSD PTR ")))
        return ERR_MALFORMED;
    bool has_xsdt = view_at(rsdp, 15) >= 2 && rsdp.n >= ACPI_RSDP_SIZE && load_le64(rsdp, 24) != 0;
    out->at = has_xsdt ? load_le64(rsdp, 24) : load_le32(rsdp, 16);
    out->entry_n = has_xsdt ? 8 : 4;
    return out->at != 0 ? OK : ERR_MALFORMED;
}

u32 acpi_table_size(struct view head)
{
    u32 n = head.n >= ACPI_HEAD_SIZE ? load_le32(head, 4) : 0;
    return n >= ACPI_HEAD_SIZE && n <= ACPI_TABLE_MAX ? n : 0;
}

u64 acpi_table_at(struct view root, u32 entry_n, u32 index)
{
    u64 at = ACPI_HEAD_SIZE + (u64)index * entry_n;
    if (at + entry_n > root.n)
        return 0;
    return entry_n == 8 ? load_le64(root, at) : load_le32(root, at);
}

void acpi_get_ioapics(struct view madt, struct acpi_ioapics *out)
{
    *out = (struct acpi_ioapics){0};
    struct reader r = reader_of(madt);
    get_skip(&r, MADT_FIRST);
    while (r.rest.n >= 2 && out->n < ACPI_IOAPICS_MAX) {
        u8 type = get_u8(&r), n = get_u8(&r);
        struct view body = n >= 2 ? get_bytes(&r, (size_t)n - 2) : VIEW_NONE;
        if (n < 2 || r.bad)
            return;
        if (type != MADT_IOAPIC || body.n < 10)
            continue;
        AT(out->each, out->n) = (struct acpi_ioapic){load_le32(body, 2), load_le32(body, 6)};
        out->n++;
    }
}

enum err acpi_get_power(struct view fadt, struct acpi_power *out)
{
    *out = (struct acpi_power){0};
    if (fadt.n < FADT_SIZE_1)
        return ERR_MALFORMED;
    out->dsdt_at = load_le32(fadt, FADT_DSDT);
    out->sci = load_le16(fadt, FADT_SCI);
    out->event_port = load_le16(fadt, FADT_PM1A_EVENT); /* ports have 16 bits */
    out->control_port = load_le16(fadt, FADT_PM1A_CONTROL);
    out->timer_port = load_le16(fadt, FADT_PM_TIMER);
    out->event_n = view_at(fadt, FADT_PM1_EVENT_N);
    u8 space = fadt.n >= FADT_SIZE_5 ? view_at(fadt, FADT_SLEEP_CONTROL) : UINT8_MAX;
    if (space == SPACE_MEMORY || space == SPACE_PORTS)
        out->sleep = (struct acpi_register){space == SPACE_MEMORY, load_le64(fadt, FADT_SLEEP_CONTROL + 4)};
    return OK;
}

/* Name (_S5_, Package () {type, …}): PackageOp, its length in 1 to 4 bytes, the number of
 * elements, then a constant (§20.2.5.4, §20.2.3). */
u8 acpi_get_off_type(struct view dsdt)
{
    enum { PACKAGE_OP = 0x12, BYTE_PREFIX = 0x0a };
    struct view found = view_from(dsdt, view_find_seq(dsdt, VIEW("_S5_")));
    struct reader r = reader_of(found);
    get_skip(&r, 4);
    if (get_u8(&r) != PACKAGE_OP)
        return 0;
    get_skip(&r, get_u8(&r) >> 6);
    get_skip(&r, 1);
    u8 type = get_u8(&r);
    if (type == BYTE_PREFIX)
        type = get_u8(&r);
    return r.bad ? 0 : type & 7;
}
