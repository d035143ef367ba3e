/* The metal host: what `pith` is to an image elsewhere, in ring 3 of a virtual machine,
 * above the keel (keel/keel.h). It decodes what the boot loader left, drives virtio
 * devices by polling, loads the unchanged image from the pack behind it (wire/pack.h)
 * and provides the host's table (host/host.h). Image and drivers share an address
 * space, as in the process host; the virtual machine is the wall around both. */
#ifndef HOST_METAL_METAL_H
#define HOST_METAL_METAL_H

#include "host/host.h"
#include "host/metal/block.h"
#include "host/metal/keel/keel.h"
#include "host/metal/net.h"
#include "host/metal/virtio.h"
#include "wire/acpi.h"
#include "wire/elf.h"
#include "wire/machine.h"
#include "wire/pack.h"

enum { METAL_VIRTIO_MAX = 16 };

/* A run of the image's address space. */
struct area {
    u64 at, n;
};

/* Host functions get no context argument, so the one machine is a global. */
struct metal {
    const struct keel_public *public;
    struct pack pack;
    struct elf elf;
    struct view bundle;
    u64 bundle_at;       /* physical */
    u64 base;            /* of the image */
    struct area run;     /* all below but the bundle: one piece of physical memory, from run_at on */
    u64 run_at;
    struct area stack, info, memory, windows[PACK_DEVICES_MAX];
    struct metal_net *nets[PACK_DEVICES_MAX];     /* NULL where the device is another kind */
    struct metal_block *blocks[PACK_DEVICES_MAX]; /* the same */
    u32 virtios_n;
    struct virtio virtios[METAL_VIRTIO_MAX];
    u64 frames;          /* received since the last wait */
    bool traffic;        /* the last wait ended soon because a device was ready */
    bool stop_unseen;
};

extern struct metal metal;
extern const struct host_table metal_table;

/* "pith: ", the texts and a newline, and the machine ends with exit code 1. */
noreturn_ void metal_fail(const char *what, const char *more);

/* ---- memory.c: physical memory, and what of it is seen ------------------------------ */

/* Physical memory at [0, used) is not to be handed out. */
void memory_init(const struct machine *m, u64 used);

/* Pages of RAM, by their physical address, aligned where there is room for that; and the
 * same zeroed, mapped for reading and writing and known to devices under memory_physical.
 * Both end the machine when there are none. */
u64 memory_take(u64 n, u64 align);
struct span memory_new(u64 n);
u64 memory_physical(const void *p);

void memory_map(u64 virtual, u64 physical, u64 n, enum keel_access access);

/* Physical memory for reading, wherever it is; registers of a device. */
struct view memory_see(u64 physical, u64 n);
u8 *memory_device(u64 physical, u64 n);

/* ---- machine.c: what is there, from boot loader, ACPI and PCI ------------------------ */

void machine_find(u64 boot, u64 info, u64 used);

/* Lets an interrupt line end a wait. */
void machine_route(u32 irq);

u8 machine_apic_id(void);

/* Adds a transport to metal.virtios. */
struct virtio *machine_add_virtio(void);
void pci_find(void);

/* The next virtio device of this kind after `last` (NULL: the first); NULL: no more. */
struct virtio *machine_virtio(u32 kind, struct virtio *last);

/* Whether the power button was pressed; the machine's end. */
bool machine_asked_to_stop(void);
noreturn_ void machine_end(u8 code);

/* ---- clock.c ------------------------------------------------------------------------- */

/* The rate is measured twice: before what may take long, and after all of the start. */
void clock_start(u16 pm_timer);
void clock_measure(void);
void clock_ready(void);
u64 clock_mono_now(void);
u64 clock_wall_now(void);

/* Sleeps until an interrupt or `deadline`. */
void clock_sleep(u64 deadline);

/* ---- serial.c: the console, and the channel to `pith run` ------------------------------ */

void serial_start(void);
void serial_write(struct view text);
void serial_listen(void); /* once interrupts can be routed */
bool serial_asked_to_stop(void);

/* Reports go to `pith run` where it listens, else to the console; the exit code. */
void control_write(struct view text);
void control_exit(u8 code);

/* ---- the rest --------------------------------------------------------------------------- */

/* rng.c. 32 bytes at once. */
void rng_start(void);
void rng_fill(struct span out);

/* load.c. Lays out and loads the image, with the bundle in the pack; answers its boot
 * record. Then: whether the image may name these bytes, or have them written; their
 * physical address where nobody can ever change them, else 0; and of any of its bytes. */
const struct host_boot *load_image(struct view bundle);
bool image_readable(const void *p, u64 n);
bool image_writable(const void *p, u64 n);
u64 image_in_place(const void *p, u64 n);
u64 image_physical(const void *p);

/* crash.c. What the keel calls after a fault. */
noreturn_ void metal_crashed(void);

/* call.S */
noreturn_ void metal_jump(u64 entry, u64 stack, const struct host_boot *boot);

/* ---- ports ------------------------------------------------------------------------------- */

static inline void open_ports(u16 first, u16 n)
{
    if (keel_call(KEEL_PORTS, first, n, 0, 0) != 0)
        metal_fail("an I/O port is out of reach", "");
}

static inline u8 in8(u16 port)
{
    u8 x;
    __asm__ volatile("inb %1, %0" : "=a"(x) : "Nd"(port));
    return x;
}

static inline u16 in16(u16 port)
{
    u16 x;
    __asm__ volatile("inw %1, %0" : "=a"(x) : "Nd"(port));
    return x;
}

static inline u32 in32(u16 port)
{
    u32 x;
    __asm__ volatile("inl %1, %0" : "=a"(x) : "Nd"(port));
    return x;
}

static inline void out8(u16 port, u8 x)
{
    __asm__ volatile("outb %0, %1" ::"a"(x), "Nd"(port));
}

static inline void out16(u16 port, u16 x)
{
    __asm__ volatile("outw %0, %1" ::"a"(x), "Nd"(port));
}

static inline void out32(u16 port, u32 x)
{
    __asm__ volatile("outl %0, %1" ::"a"(x), "Nd"(port));
}

#endif
