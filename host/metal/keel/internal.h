/* What keel.S, keel.c and page.c share. */
#ifndef HOST_METAL_KEEL_INTERNAL_H
#define HOST_METAL_KEEL_INTERNAL_H

#include "host/metal/keel/keel.h"

enum { PAGE = 4096 };

/* Of a page table's entry (Intel SDM vol. 3, §4.5). */
enum {
    PTE_PRESENT = 1,
    PTE_WRITE = 2,
    PTE_USER = 4,
    PTE_UNCACHED = 8 + 16,
    PTE_LARGE = 0x80,
};

#define PTE_NO_EXECUTE ((u64)1 << 63)

/* Bounds, from link.ld. */
extern u8 keel_start[], keel_text_end[], keel_end[];
extern u8 metal_text[], metal_text_end[], metal_const_end[], metal_data_end[], metal_stack[], metal_end[];

/* Filled in by keel.S before keel_main runs. */
extern u64 keel_pml4[512], keel_pt0[512];
extern u8 keel_ports[KEEL_PORTS_END / 8];
extern struct keel_public keel_public;

/* Where faults of ring 3 go; 0: nowhere. Taken by the first one. */
extern u64 keel_handler, keel_handler_stack;

/* Opens interrupts until one comes. */
void keel_sleep(void);

noreturn_ void keel_enter(u64 entry, u64 stack, u64 a, u64 b, u64 c);
noreturn_ void keel_reset(void);

noreturn_ void keel_main(u64 boot, u64 info);

/* The calls (keel.h), by the table in keel.S. */
i64 keel_map(u64 virtual, u64 physical, u64 pages, u64 access);
i64 keel_give(u64 physical, u64 pages);
i64 keel_open_ports(u64 first, u64 n);
i64 keel_seal(u64 handler, u64 stack);
i64 keel_timer(void);
i64 keel_wait(u64 tsc, u64 ticks);
i64 keel_guard(u64 virtual);
i64 keel_readable(u64 virtual);

/* page.c. Maps one run of pages with these flags of an entry, large where it can be.
 * False: out of page tables. */
bool page_map(u64 virtual, u64 physical, u64 pages, u64 flags);

/* The flags of the 4 KiB page at `virtual`, or 0; closing splits a large page. */
u64 page_flags(u64 virtual);
bool page_close(u64 virtual);

/* More memory for page tables; the caller has checked it. */
bool page_give(u64 physical, u64 pages);
bool page_is_table(u64 physical, u64 pages);

#endif
