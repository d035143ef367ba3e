#include "base/num.h"
#include "host/metal/metal.h"

enum { PAGE = 4096, LARGE = 2 << 20, TABLES_SPARE = 64 };

static struct {
    u32 n;
    struct machine_ram free[MACHINE_RAM_MAX]; /* whole pages */
} ram;

static void add_free(u64 at, u64 end)
{
    at = align_up(at, PAGE);
    end &= ~(u64)(PAGE - 1);
    if (at >= end || ram.n == MACHINE_RAM_MAX)
        return;
    AT(ram.free, ram.n) = (struct machine_ram){at, end - at};
    ram.n++;
}

/* 0: there is none. */
static u64 take_if(u64 n, u64 align, u64 below)
{
    n = align_up(n, PAGE);
    for (u32 i = 0; i < ram.n; i++) {
        struct machine_ram *r = &AT(ram.free, i);
        u64 at = align_up(r->at, align), end = r->at + r->n;
        if (at > end || n > end - at || at + n > below)
            continue;
        /* What alignment skips is lost; it is asked for by the largest piece only. */
        *r = (struct machine_ram){at + n, end - at - n};
        return at;
    }
    return 0;
}

static u64 take(u64 n, u64 align, u64 below)
{
    u64 at = take_if(n, align, below);
    at = at != 0 ? at : take_if(n, PAGE, below);
    if (at == 0)
        metal_fail("the machine has too little memory", "");
    return at;
}

/* A table for every 2 MiB, in case a guard page splits it. */
void memory_init(const struct machine *m, u64 used)
{
    u64 total = 0;
    for (u32 i = 0; i < m->ram_n; i++) {
        const struct machine_ram *r = &AT(m->ram, i);
        if (r->at + r->n > used)
            add_free(MAX(r->at, used), r->at + r->n);
    }
    for (u32 i = 0; i < ram.n; i++)
        total += AT(ram.free, i).n;
    u64 tables = total / LARGE + TABLES_SPARE, at = take(tables * PAGE, PAGE, KEEL_MAP_LOW);
    if (keel_call(KEEL_GIVE, at, tables, 0, 0) != 0)
        metal_fail("the keel refuses memory", "");
}

u64 memory_take(u64 n, u64 align)
{
    return take(n, align, UINT64_MAX);
}

void memory_map(u64 virtual, u64 physical, u64 n, enum keel_access access)
{
    if (n > 0 && keel_call(KEEL_MAP, virtual, physical, align_up(n, PAGE) / PAGE, access) != 0)
        metal_fail("memory could not be mapped", "");
}

struct span memory_new(u64 n)
{
    u64 at = take(n, PAGE, UINT64_MAX);
    struct span s = {(u8 *)(KEEL_WINDOW + at), n};
    memory_map(KEEL_WINDOW + at, at, n, KEEL_WRITE);
    fill(s, 0);
    return s;
}

u64 memory_physical(const void *p)
{
    return (u64)p - KEEL_WINDOW;
}

static u64 see(u64 physical, u64 n, enum keel_access access)
{
    u64 slack = physical % PAGE;
    memory_map(KEEL_WINDOW + physical - slack, physical - slack, slack + n, access);
    return KEEL_WINDOW + physical;
}

struct view memory_see(u64 physical, u64 n)
{
    return (struct view){(const u8 *)see(physical, n, KEEL_READ), n};
}

u8 *memory_device(u64 physical, u64 n)
{
    return (u8 *)see(physical, n, KEEL_DEVICE);
}
