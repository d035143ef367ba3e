/* What the machine consists of: the boot loader's word on memory, ACPI's on interrupt
 * controllers and power, and the transports of virtio devices. */
#include "base/num.h"
#include "host/metal/metal.h"

enum {
    LINES_MAX = 16,
    ACPI_TABLES_MAX = 64,
    IOAPIC_DEFAULT = 0xfec00000,
    IOAPIC_SIZE = 32,
    VIRTIO_MMIO_SIZE = 0x200,
};

static struct {
    struct machine about;
    struct acpi_ioapics ioapics;
    struct acpi_power power;
    u8 off_type;
    u8 *sleep_register;
    u16 sleep_port;
} machine;

/* ---- the boot loader ---------------------------------------------------------------- */

static void read_boot(u64 boot, u64 info)
{
    u64 map_at = 0;
    u32 map_n = 0;
    enum err e;
    if (boot == KEEL_BOOT_PVH) {
        e = pvh_decode(memory_see(info, PVH_INFO_SIZE), &machine.about, &map_at, &map_n);
        if (e == OK)
            pvh_take_memory(memory_see(map_at, (u64)map_n * PVH_MEMORY_SIZE), &machine.about);
    } else {
        u32 n = multiboot2_size(memory_see(info, 8));
        e = n > 0 ? multiboot2_decode(memory_see(info, n), &machine.about) : ERR_MALFORMED;
    }
    if (e != OK)
        metal_fail("the boot loader's information makes no sense: ", err_text(e));
}

/* ---- ACPI ---------------------------------------------------------------------------- */

static struct view table_at(u64 at)
{
    u32 n = acpi_table_size(memory_see(at, ACPI_HEAD_SIZE));
    return n > 0 ? memory_see(at, n) : VIEW_NONE;
}

static void take_table(struct view table)
{
    if (view_starts(table, VIEW("APIC")))
        acpi_get_ioapics(table, &machine.ioapics);
    if (view_starts(table, VIEW("FACP")) && acpi_get_power(table, &machine.power) == OK &&
        machine.power.dsdt_at != 0)
        machine.off_type = acpi_get_off_type(table_at(machine.power.dsdt_at));
}

/* A machine without ACPI has one interrupt controller, where it always was. */
static void read_acpi(void)
{
    struct acpi_root root;
    struct view rsdp = machine.about.rsdp;
    machine.ioapics = (struct acpi_ioapics){1, {{IOAPIC_DEFAULT, 0}}};
    if (rsdp.n == 0 && machine.about.rsdp_at != 0)
        rsdp = memory_see(machine.about.rsdp_at, ACPI_RSDP_SIZE);
    if (acpi_get_root(rsdp, &root) != OK)
        return;
    struct view table = table_at(root.at);
    for (u32 i = 0; i < ACPI_TABLES_MAX; i++) {
        u64 at = acpi_table_at(table, root.entry_n, i);
        if (at == 0)
            return;
        take_table(table_at(at));
    }
}

/* ---- power ---------------------------------------------------------------------------- */

enum { POWER_BUTTON = 1 << 8, SLEEP_ENABLE = 1 << 13, SLEEP_ENABLE_8 = 1 << 5, SLEEP_OFF_8 = 5 << 2 };

static bool has_button(void)
{
    return machine.power.event_port != 0 && machine.power.event_n >= 4;
}

static void open_power(void)
{
    struct acpi_power *p = &machine.power;
    if (has_button()) {
        open_ports(p->event_port, p->event_n);
        out16((u16)(p->event_port + p->event_n / 2), POWER_BUTTON);
        machine_route(p->sci);
    }
    if (p->control_port != 0)
        open_ports(p->control_port, 2);
    if (p->timer_port != 0)
        open_ports(p->timer_port, 4);
    if (p->sleep.at != 0 && p->sleep.is_memory) {
        machine.sleep_register = memory_device(p->sleep.at, 1);
    } else if (p->sleep.at != 0 && p->sleep.at < KEEL_PORTS_END) {
        machine.sleep_port = (u16)p->sleep.at;
        open_ports(machine.sleep_port, 1);
    }
}

bool machine_asked_to_stop(void)
{
    if (!has_button() || !(in16(machine.power.event_port) & POWER_BUTTON))
        return false;
    out16(machine.power.event_port, POWER_BUTTON); /* a one clears it */
    return true;
}

noreturn_ void machine_end(u8 code)
{
    control_exit(code);
    if (machine.sleep_register)
        *(volatile u8 *)machine.sleep_register = SLEEP_ENABLE_8 | SLEEP_OFF_8;
    if (machine.sleep_port != 0)
        out8(machine.sleep_port, SLEEP_ENABLE_8 | SLEEP_OFF_8);
    if (machine.power.control_port != 0)
        out16(machine.power.control_port, (u16)(machine.off_type << 10 | SLEEP_ENABLE));
    keel_call(KEEL_END, 0, 0, 0, 0);
    __builtin_trap();
}

/* ---- interrupts ----------------------------------------------------------------------- */

u8 machine_apic_id(void)
{
    u32 a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (u8)(b >> 24);
}

/* A redirection entry (82093AA, §3.2.4): this vector, rising edge, to this processor. */
static void route_at(u32 ioapic_at, u32 pin)
{
    enum { SELECT = 0, WINDOW = 16, ENTRIES = 0x10 };
    u8 *registers = memory_device(ioapic_at, IOAPIC_SIZE);
    volatile u32 *select = (volatile u32 *)(void *)(registers + SELECT);
    volatile u32 *window = (volatile u32 *)(void *)(registers + WINDOW);
    *select = ENTRIES + 2 * pin + 1;
    *window = (u32)machine_apic_id() << 24;
    *select = ENTRIES + 2 * pin;
    *window = KEEL_VECTOR;
}

void machine_route(u32 irq)
{
    const struct acpi_ioapics *all = &machine.ioapics;
    for (u32 i = all->n; i-- > 0;) {
        u32 first = AT(all->each, i).first_irq;
        if (irq >= first && irq - first < 24) {
            route_at(AT(all->each, i).at, irq - first);
            return;
        }
    }
}

/* ---- virtio ---------------------------------------------------------------------------- */

struct virtio *machine_add_virtio(void)
{
    if (metal.virtios_n == METAL_VIRTIO_MAX)
        return NULL;
    struct virtio *v = &AT(metal.virtios, metal.virtios_n);
    *v = (struct virtio){0};
    metal.virtios_n++;
    return v;
}

/* QEMU's microvm and Firecracker name them on the command line. */
static void find_on_command_line(void)
{
    if (machine.about.command_line_at == 0)
        return;
    struct view line = memory_see(machine.about.command_line_at, MACHINE_COMMAND_LINE_MAX), rest;
    line = view_cut(line, 0, &rest);
    u64 at;
    u32 irq;
    while (machine_next_virtio(&line, &at, &irq)) {
        struct virtio *v = machine_add_virtio();
        if (!v)
            return;
        if (virtio_mmio_init(v, memory_device(at, VIRTIO_MMIO_SIZE)))
            machine_route(irq);
        else
            metal.virtios_n--;
    }
}

struct virtio *machine_virtio(u32 kind, struct virtio *last)
{
    for (u32 i = 0; i < metal.virtios_n; i++) {
        struct virtio *v = &AT(metal.virtios, i);
        if (v->kind == kind && (!last || v > last))
            return v;
    }
    return NULL;
}

void machine_find(u64 boot, u64 info, u64 used)
{
    read_boot(boot, info);
    read_acpi();
    memory_init(&machine.about, used);
    open_power();
    clock_start(machine.power.timer_port);
    find_on_command_line();
    pci_find();
}
