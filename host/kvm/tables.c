/* The guest's page tables (AMD64 Architecture Programmer's Manual, volume 2, 5.3): four
 * levels, in memory that no entry of theirs leads to. Accessed and dirty
 * bits are set from the start, so that the processor has nothing to write there. */
#include "base/num.h"
#include "host/kvm/internal.h"

#define PRESENT 0x1ull
#define WRITABLE 0x2ull
#define USER 0x4ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define ADDRESS 0x000ffffffffff000ull

enum { ENTRIES = 512, TOP_SHIFT = 39, LARGE_SHIFT = 21, PAGE_SHIFT = 12, LEVEL_BITS = 9 };

/* Tables that n bytes can need wherever they lie, down to small pages if `small`. */
static size_t tables_for(u64 n, bool small)
{
    enum { GIB_SHIFT = 30 };
    u64 last = small ? (n >> LARGE_SHIFT) + 2 : 2;
    return last + (n >> GIB_SHIFT) + 2 + (n >> TOP_SHIFT) + 2;
}

/* What process.all comes to is not known before it is laid out: less than this. */
size_t tables_size(const struct process_plan *plan)
{
    enum { REST_BYTES = 1 << 20 }; /* stack, boot record, guard pages */
    u64 all = plan->elf->span + plan->memory_n + shim_size(plan) + REST_BYTES;
    return (1 + tables_for(all, true) + tables_for(plan->bundle.n, false)) * ELF_PAGE;
}

void tables_open(u8 *p, size_t n)
{
    machine.tables = (struct area){p, n};
    machine.tables_used = ELF_PAGE;
}

/* The entry for `at` whose pages have 2^shift bytes. The tables above it are made as
 * needed; NULL when one of them is missing and `make` is not set, or is a large page. */
static u64 *entry_of(u64 at, unsigned shift, bool make)
{
    u64 *table = (u64 *)machine.tables.p;
    for (unsigned s = TOP_SHIFT; s > shift; s -= LEVEL_BITS) {
        u64 *entry = &table[(at >> s) % ENTRIES];
        if (*entry == 0 && make) {
            must(machine.tables_used < machine.tables.n);
            *entry =
                physical_of(machine.tables.p + machine.tables_used) | PRESENT | WRITABLE | USER | ACCESSED;
            machine.tables_used += ELF_PAGE;
        }
        if (*entry == 0 || (*entry & LARGE))
            return NULL;
        table = (u64 *)(machine.tables.p + ((*entry & ADDRESS) - physical_of(machine.tables.p)));
    }
    return &table[(at >> shift) % ENTRIES];
}

void tables_map(u64 at, u64 n, u64 physical, enum page_access access, bool large)
{
    u64 bits = PRESENT | USER | ACCESSED | DIRTY;
    bits |= access == PAGE_WRITE ? WRITABLE : 0;
    bits |= access == PAGE_EXECUTE ? 0 : NO_EXECUTE;
    for (u64 done = 0; done < n;) {
        bool whole = large && n - done >= LARGE_PAGE && ((at + done) | (physical + done)) % LARGE_PAGE == 0;
        u64 *entry = entry_of(at + done, whole ? LARGE_SHIFT : PAGE_SHIFT, true);
        must(entry);
        *entry = (physical + done) | bits | (whole ? LARGE : 0);
        done += whole ? LARGE_PAGE : ELF_PAGE;
    }
}

bool tables_unmap(u64 page)
{
    u64 *entry = entry_of(page, PAGE_SHIFT, false);
    if (entry)
        *entry = 0;
    return entry;
}
