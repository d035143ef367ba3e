/* What boot loaders and firmware say: both boot formats, the command line, ACPI's tables. */
#include "test/fuzz/fuzz.h"
#include "wire/acpi.h"
#include "wire/machine.h"

static void try_boot(struct view in)
{
    struct machine m;
    u64 map_at;
    u32 map_n;
    if (pvh_decode(in, &m, &map_at, &map_n) == OK) {
        must(map_n <= PVH_MEMORIES_MAX);
        pvh_take_memory(in, &m);
        must(m.ram_n <= MACHINE_RAM_MAX);
    }
    u32 n = multiboot2_size(in);
    must(n <= MULTIBOOT2_INFO_MAX);
    if (multiboot2_decode(in, &m) == OK) {
        must(m.ram_n <= MACHINE_RAM_MAX && view_inside(m.rsdp, in));
        for (u32 i = 0; i < m.ram_n; i++)
            must(AT(m.ram, i).n > 0 && AT(m.ram, i).at + AT(m.ram, i).n > AT(m.ram, i).at);
    }
}

static void try_command_line(struct view in)
{
    u64 at;
    u32 irq;
    for (struct view rest = in; machine_next_virtio(&rest, &at, &irq);)
        must(irq < 256 && view_inside(rest, in));
}

static void try_acpi(struct view in)
{
    struct acpi_root root;
    struct acpi_ioapics ioapics;
    struct acpi_power power;
    if (acpi_get_root(in, &root) == OK)
        must(root.at != 0 && (root.entry_n == 4 || root.entry_n == 8));
    must(acpi_table_size(in) <= ACPI_TABLE_MAX);
    for (u32 i = 0; i < 8; i++)
        (void)acpi_table_at(in, i % 2 ? 4 : 8, i);
    acpi_get_ioapics(in, &ioapics);
    must(ioapics.n <= ACPI_IOAPICS_MAX);
    if (acpi_get_power(in, &power) == OK)
        must(acpi_get_off_type(in) < 8);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    try_boot(in);
    try_command_line(in);
    try_acpi(in);
    return 0;
}
