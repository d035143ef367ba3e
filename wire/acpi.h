/* The few ACPI tables that a driver needs before there is a system (ACPI 6.4, §5.2):
 * where tables are, which interrupt controllers there are, and how to end the machine.
 * Pure; the caller makes views of physical memory. */
#ifndef WIRE_ACPI_H
#define WIRE_ACPI_H

#include "base/codec.h"

enum { ACPI_RSDP_SIZE = 36, ACPI_HEAD_SIZE = 36, ACPI_TABLE_MAX = 64 << 10, ACPI_IOAPICS_MAX = 4 };

/* The root table by an RSDP of 20 or 36 bytes: its entries have 4 or 8 bytes each. */
struct acpi_root {
    u64 at;
    u32 entry_n;
};

enum err acpi_get_root(struct view rsdp, struct acpi_root *out);

/* A table's bytes with its head, by its head; 0 where there is no table. */
u32 acpi_table_size(struct view head);

/* Where table `index` of a root table is; 0 past the last. */
u64 acpi_table_at(struct view root, u32 entry_n, u32 index);

/* MADT (§5.2.12.3). */
struct acpi_ioapics {
    u32 n;
    struct acpi_ioapic {
        u32 at, first_irq;
    } each[ACPI_IOAPICS_MAX];
};

void acpi_get_ioapics(struct view madt, struct acpi_ioapics *out);

/* FADT (§5.2.9). A register with address 0 is not there. */
struct acpi_register {
    bool is_memory; /* else an I/O port */
    u64 at;
};

struct acpi_power {
    u16 sci;                    /* the interrupt of the power button */
    u16 event_port, event_n;    /* PM1a: status, then enable */
    u16 control_port;           /* PM1a */
    u16 timer_port;             /* counts at 3.579545 MHz */
    struct acpi_register sleep; /* of machines without PM1a */
    u64 dsdt_at;
};

enum err acpi_get_power(struct view fadt, struct acpi_power *out);

/* What PM1a's control wants for power-off (§7.4.2, \_S5), found in the DSDT by its name;
 * 0, which most machines say, where it is not found. */
u8 acpi_get_off_type(struct view dsdt);

#endif
