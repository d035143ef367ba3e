/* Page tables: 4 KiB and 2 MiB pages, in tables that ring 3 can neither see nor name. */
#include "host/metal/keel/internal.h"

#include "base/num.h"

enum { LARGE = 512 * PAGE, ADDRESS_BITS = 12, BOOT_TABLES = 24 };

#define PTE_ADDRESS (((u64)1 << 52) - PAGE)

static u64 boot_tables[BOOT_TABLES][512] __attribute__((aligned(PAGE)));

/* Tables are taken from boot_tables, then from what ring 3 gave. */
static struct {
    u64 boot_used, given, given_pages, given_used;
} pool;

static u64 *table_at(u64 entry)
{
    return (u64 *)(entry & PTE_ADDRESS);
}

static void clear(u64 *table)
{
    u64 n = 512;
    __asm__ volatile("rep stosq" : "+D"(table), "+c"(n) : "a"(0) : "memory");
}

static u64 *new_table(void)
{
    if (pool.boot_used < BOOT_TABLES)
        return boot_tables[pool.boot_used++];
    if (pool.given_used == pool.given_pages)
        return NULL;
    u64 *table = (u64 *)(pool.given + pool.given_used++ * PAGE);
    clear(table);
    return table;
}

static bool split(u64 *entry)
{
    u64 *table = new_table();
    if (!table)
        return false;
    u64 page = *entry & ~(u64)PTE_LARGE;
    for (u64 i = 0; i < 512; i++, page += PAGE)
        table[i] = page;
    *entry = (u64)table | PTE_PRESENT | PTE_WRITE | PTE_USER;
    return true;
}

/* The entry for `virtual` in a table of this level (0: 4 KiB pages, 1: 2 MiB), with all
 * tables on the way there; NULL when there are none left. */
static u64 *entry_for(u64 virtual, u32 level)
{
    u64 *table = keel_pml4;
    for (u32 at = 3;; at--) {
        u64 *entry = &table[virtual >> (ADDRESS_BITS + 9 * at) & 511];
        if (at == level)
            return entry;
        if (!(*entry & PTE_PRESENT)) {
            table = new_table();
            if (!table)
                return NULL;
            *entry = (u64)table | PTE_PRESENT | PTE_WRITE | PTE_USER;
        } else if ((*entry & PTE_LARGE) && !split(entry)) {
            return NULL;
        }
        table = table_at(*entry);
    }
}

static void forget(u64 virtual)
{
    __asm__ volatile("invlpg (%0)" ::"r"(virtual) : "memory");
}

bool page_map(u64 virtual, u64 physical, u64 pages, u64 flags)
{
    while (pages > 0) {
        bool large = pages >= 512 && virtual % LARGE == 0 && physical % LARGE == 0;
        u64 *entry = entry_for(virtual, large);
        if (!entry)
            return false;
        /* A table that a large page replaces is not used again; it happens at boot only. */
        u64 old = *entry, n = large ? 512 : 1;
        if (large) {
            *entry = physical | flags | PTE_LARGE;
        } else { /* the rest of this table at once: ring 0 may be slow (emulated) */
            u64 end = MIN(pages, 512 - (virtual >> ADDRESS_BITS & 511));
            for (n = 0; n < end; n++) {
                old |= entry[n];
                entry[n] = (physical + n * PAGE) | flags;
            }
        }
        if (old & PTE_PRESENT)
            for (u64 i = 0; i < n; i++)
                forget(virtual + i * PAGE);
        virtual += n * PAGE;
        physical += n * PAGE;
        pages -= n;
    }
    return true;
}

u64 page_flags(u64 virtual)
{
    u64 entry = keel_pml4[virtual >> 39 & 511];
    for (u32 shift = 30; (entry & PTE_PRESENT) && !(entry & PTE_LARGE); shift -= 9) {
        entry = table_at(entry)[virtual >> shift & 511];
        if (shift == ADDRESS_BITS)
            break;
    }
    return entry & PTE_PRESENT ? entry & ~PTE_ADDRESS : 0;
}

bool page_close(u64 virtual)
{
    u64 *entry = entry_for(virtual, 0);
    if (!entry)
        return false;
    *entry = 0;
    forget(virtual);
    return true;
}

/* The keel writes them where they are. */
bool page_give(u64 physical, u64 pages)
{
    if (pool.given_pages > 0 ||
        !page_map(physical, physical, pages, PTE_PRESENT | PTE_WRITE | PTE_NO_EXECUTE))
        return false;
    pool.given = physical;
    pool.given_pages = pages;
    return true;
}

bool page_is_table(u64 physical, u64 pages)
{
    return physical < pool.given + pool.given_pages * PAGE && pool.given < physical + pages * PAGE;
}
