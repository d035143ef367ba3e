/* Finds virtio devices on PCI (Virtual I/O Device 1.2, §4.1), behind bridges too, where
 * the firmware has given them addresses. By the configuration ports, which every PC has. */
#include "base/num.h"
#include "host/metal/metal.h"

enum {
    ADDRESS_PORT = 0xcf8,
    DATA_PORT = 0xcfc,
    BUSES_MAX = 64,
    CAPABILITIES_MAX = 48,
    VENDOR_VIRTIO = 0x1af4,
    DEVICE_MODERN = 0x1040,
    REGION_MAX = 64 << 10,
    COMMON_SIZE = 56,
};

/* Offsets in configuration space (PCI Local Bus 3.0, §6.1). */
enum {
    CFG_IDS = 0x00,
    CFG_COMMAND = 0x04,
    CFG_HEADER = 0x0c,
    CFG_BARS = 0x10,
    CFG_BUSES = 0x18,
    CFG_SUBSYSTEM = 0x2c,
    CFG_CAPABILITIES = 0x34,
};

enum { COMMAND_ON = 2 + 4 + 0x400 /* memory, bus master, no interrupt line */ };
enum { CAPABILITY_VENDOR = 0x09, CAPABILITY_MSIX = 0x11 };
enum { VIRTIO_COMMON = 1, VIRTIO_NOTIFY = 2, VIRTIO_OWN = 4 };

struct function {
    u32 address; /* bus, device and function, as the address port has them */
};

static u32 read_config(struct function f, u8 offset)
{
    out32(ADDRESS_PORT, f.address | (offset & 0xfcu));
    return in32(DATA_PORT);
}

static void write_config(struct function f, u8 offset, u32 value)
{
    out32(ADDRESS_PORT, f.address | (offset & 0xfcu));
    out32(DATA_PORT, value);
}

/* What is found of one device on the way through its capabilities. */
struct found {
    u8 *common, *vectors;
    struct virtio_pci rest;
    u8 msix;
};

/* A region of the device's memory; none where its place makes no sense. */
static struct span region(struct function f, u8 bar, u64 offset, u64 n)
{
    enum { BAR_IO = 1, BAR_64 = 4 };
    if (bar > 5 || n == 0)
        return SPAN_NONE;
    u32 low = read_config(f, (u8)(CFG_BARS + 4 * bar));
    u64 at = low & ~15u;
    if ((low & BAR_64) && bar < 5)
        at |= (u64)read_config(f, (u8)(CFG_BARS + 4 * bar + 4)) << 32;
    if ((low & BAR_IO) || at == 0)
        return SPAN_NONE;
    n = MIN(n, (u64)REGION_MAX);
    return (struct span){memory_device(at + offset, n), n};
}

static void take_vendor(struct function f, u8 at, struct found *out)
{
    u8 type = (u8)(read_config(f, at) >> 24);
    u8 bar = (u8)(read_config(f, (u8)(at + 4)) & 0xff);
    u32 offset = read_config(f, (u8)(at + 8)), n = read_config(f, (u8)(at + 12));
    if (type == VIRTIO_COMMON && !out->common) {
        struct span s = region(f, bar, offset, n);
        out->common = s.n >= COMMON_SIZE ? s.p : NULL;
    } else if (type == VIRTIO_NOTIFY && out->rest.notify.n == 0) {
        out->rest.notify = region(f, bar, offset, n);
        out->rest.notify_step = read_config(f, (u8)(at + 16));
    } else if (type == VIRTIO_OWN && out->rest.own.n == 0) {
        out->rest.own = region(f, bar, offset, n);
    }
}

static void take_msix(struct function f, u8 at, struct found *out)
{
    u32 table = read_config(f, (u8)(at + 4));
    out->vectors = region(f, table & 7, table & ~7u, 16).p;
    out->msix = at;
}

/* The first message: this vector, to the first processor (Intel SDM vol. 3, §10.11). */
static void set_message(struct function f, const struct found *x)
{
    enum { ENABLED = 1u << 31 };
    volatile u32 *entry = (volatile u32 *)(void *)x->vectors;
    entry[0] = KEEL_LAPIC | (u32)machine_apic_id() << 12;
    entry[1] = 0;
    entry[2] = KEEL_VECTOR;
    entry[3] = 0;
    write_config(f, x->msix, read_config(f, x->msix) | ENABLED);
}

static void take_virtio(struct function f, u32 kind)
{
    struct found x = {0};
    write_config(f, CFG_COMMAND, (read_config(f, CFG_COMMAND) & 0xffff) | COMMAND_ON);
    u8 at = (u8)(read_config(f, CFG_CAPABILITIES) & 0xfc);
    for (u32 i = 0; at != 0 && i < CAPABILITIES_MAX; i++) {
        u32 head = read_config(f, at);
        if ((head & 0xff) == CAPABILITY_VENDOR)
            take_vendor(f, at, &x);
        if ((head & 0xff) == CAPABILITY_MSIX)
            take_msix(f, at, &x);
        at = (u8)(head >> 8 & 0xfc);
    }
    if (!x.common || !x.vectors || x.rest.notify.n == 0)
        return;
    struct virtio *v = machine_add_virtio();
    if (!v)
        return;
    set_message(f, &x);
    virtio_pci_init(v, kind, x.common, &x.rest);
}

/* Transitional devices have their kind beside their own number. */
static void look_at(struct function f, u32 ids)
{
    u32 device = ids >> 16;
    if ((ids & 0xffff) != VENDOR_VIRTIO)
        return;
    take_virtio(f, device > DEVICE_MODERN ? device - DEVICE_MODERN : read_config(f, CFG_SUBSYSTEM) >> 16);
}

void pci_find(void)
{
    enum { BRIDGE = 1, FUNCTIONS = 0x80, NOTHING = 0xffff };
    u8 buses[BUSES_MAX] = {0};
    u32 buses_n = 1;
    open_ports(ADDRESS_PORT, 8);
    for (u32 b = 0; b < buses_n; b++) {
        for (u32 slot = 0; slot < 32; slot++) {
            u32 functions = 1;
            for (u32 number = 0; number < functions; number++) {
                struct function f = {1u << 31 | (u32)AT(buses, b) << 16 | slot << 11 | number << 8};
                u32 ids = read_config(f, CFG_IDS);
                if ((ids & 0xffff) == NOTHING)
                    continue;
                u8 header = (u8)(read_config(f, CFG_HEADER) >> 16);
                if (number == 0 && (header & FUNCTIONS))
                    functions = 8;
                if ((header & 0x7f) == BRIDGE && buses_n < BUSES_MAX)
                    AT(buses, buses_n++) = (u8)(read_config(f, CFG_BUSES) >> 8);
                look_at(f, ids);
            }
        }
    }
}
