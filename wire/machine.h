/* What a boot loader says of the machine: its memory, a command line, and where the
 * ACPI tables are. Two formats, each decoded from views of physical memory that the
 * caller makes: PVH (Xen, xen/include/public/arch-x86/hvm/start_info.h) and Multiboot2
 * (specification 2.0, §3.6). Pure. */
#ifndef WIRE_MACHINE_H
#define WIRE_MACHINE_H

#include "base/codec.h"

enum {
    MACHINE_RAM_MAX = 16,
    MACHINE_COMMAND_LINE_MAX = 4096,
    PVH_INFO_SIZE = 56,
    PVH_MEMORY_SIZE = 24,  /* an entry of PVH's memory map */
    PVH_MEMORIES_MAX = 128,
    MULTIBOOT2_INFO_MAX = 64 << 10,
};

struct machine_ram {
    u64 at, n;
};

struct machine {
    u32 ram_n;
    struct machine_ram ram[MACHINE_RAM_MAX]; /* usable; the largest */
    u64 command_line_at; /* zero-terminated; 0: none */
    u64 rsdp_at;         /* 0: look for it, or there is none */
    struct view rsdp;    /* a copy of it, from Multiboot2; empty: none */
};

/* PVH: where the memory map is, and how many entries it has. ERR_MALFORMED. */
enum err pvh_decode(struct view info, struct machine *out, u64 *map_at, u32 *map_n);
void pvh_take_memory(struct view map, struct machine *out);

/* Multiboot2: the size of it all, by its first 8 bytes (0: none); then all of it. */
u32 multiboot2_size(struct view first);
enum err multiboot2_decode(struct view info, struct machine *out);

/* The next "virtio_mmio.device=SIZE@ADDRESS:IRQ" of a Linux command line, which `rest`
 * holds and is moved behind it. False: no more. */
bool machine_next_virtio(struct view *rest, u64 *at, u32 *irq);

#endif
