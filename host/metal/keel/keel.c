/* What the keel does once it runs in 64 bits: the processor's and the APIC's set-up,
 * and the calls. */
#include "host/metal/keel/internal.h"

#include "base/num.h"

/* Offsets of the local APIC's registers (Intel SDM vol. 3, §10.4.1). */
enum {
    APIC_PRIORITY = 0x80,
    APIC_SPURIOUS = 0xf0,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_COUNT_FIRST = 0x380,
    APIC_COUNT = 0x390,
    APIC_DIVIDE = 0x3e0,
    APIC_MASKED = 1 << 16,
    APIC_TSC_DEADLINE = 2 << 17,
    APIC_DIVIDE_BY_1 = 0xb,
    APIC_ENABLED = 0x100,
    TIMER_VECTOR = 0x20,
    SPURIOUS_VECTOR = 0x3f,
};

enum {
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_KVM_WALL_CLOCK = 0x4b564d00,
    MSR_KVM_SYSTEM_TIME = 0x4b564d01,
};

enum { PIC_1_MASK = 0x21, PIC_2_MASK = 0xa1 };

struct keel_public keel_public __attribute__((aligned(PAGE)));
u64 keel_handler, keel_handler_stack;
static bool sealed, writable;

static u32 apic_read(u32 offset)
{
    return *(volatile u32 *)(uintptr_t)(KEEL_LAPIC + offset);
}

static void apic_write(u32 offset, u32 value)
{
    *(volatile u32 *)(uintptr_t)(KEEL_LAPIC + offset) = value;
}

static void write_msr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)(value & UINT32_MAX)), "d"((u32)(value >> 32)) : "memory");
}

static void write_port(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

struct cpuid {
    u32 a, b, c, d;
};

static struct cpuid cpuid(u32 leaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(0));
    return r;
}

/* ---- setting up ------------------------------------------------------------------- */

/* Ring 0 neither executes nor touches what ring 3 can, and ring 3 gets the vector
 * registers that the processor has. */
static void set_features(struct cpuid basic)
{
    enum { SMEP = 1 << 7, SMAP = 1 << 20, OSXSAVE = 1 << 18, CPUID_XSAVE = 1 << 26, CPUID_AVX = 1 << 28 };
    u64 cr4;
    struct cpuid extended = cpuid(0).a >= 7 ? cpuid(7) : (struct cpuid){0};
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    if (extended.b & SMEP)
        cr4 |= 1 << 20;
    if (extended.b & SMAP)
        cr4 |= 1 << 21;
    if (basic.c & CPUID_XSAVE)
        cr4 |= OSXSAVE;
    __asm__ volatile("movq %0, %%cr4" ::"r"(cr4));
    if (basic.c & CPUID_XSAVE) /* x87, SSE, AVX */
        __asm__ volatile("xsetbv" ::"c"(0), "a"(basic.c & CPUID_AVX ? 7 : 3), "d"(0));
}

/* Of the old interrupt controllers nothing is heard; of the APIC, the timer. Before the
 * first wait it counts without interrupting, as a clock for whoever has none. */
static void set_apic(struct cpuid basic)
{
    enum { CPUID_TSC_DEADLINE = 1 << 24 };
    write_port(PIC_1_MASK, 0xff);
    write_port(PIC_2_MASK, 0xff);
    keel_public.has_tsc_deadline = (basic.c & CPUID_TSC_DEADLINE) != 0;
    apic_write(APIC_SPURIOUS, APIC_ENABLED | SPURIOUS_VECTOR); /* first: before it, all stays masked */
    apic_write(APIC_PRIORITY, 0);
    apic_write(APIC_LVT_LINT0, APIC_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_MASKED);
    apic_write(APIC_DIVIDE, APIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR | (keel_public.has_tsc_deadline ? APIC_TSC_DEADLINE : 0));
    apic_write(APIC_COUNT_FIRST, UINT32_MAX);
}

/* KVM writes the time into our page whenever it changes how it runs. */
static void set_clock(void)
{
    enum { FEATURE_CLOCKSOURCE2 = 1 << 3 };
    struct cpuid who = cpuid(0x40000000);
    if (who.b != 0x4b4d564b || who.c != 0x564b4d56 || who.d != 0x4d) /* "KVMKVMKVM" */
        return;
    if (!(cpuid(0x40000001).a & FEATURE_CLOCKSOURCE2))
        return;
    write_msr(MSR_KVM_WALL_CLOCK, (u64)&keel_public.wall);
    write_msr(MSR_KVM_SYSTEM_TIME, (u64)&keel_public.time | 1);
    keel_public.has_time = 1;
}

static void map_own(const u8 *from, const u8 *to, u64 flags)
{
    for (u64 at = (u64)from; at < (u64)to; at += PAGE)
        keel_pt0[at / PAGE] = at | PTE_PRESENT | flags;
}

noreturn_ void keel_main(u64 boot, u64 info)
{
    struct cpuid basic = cpuid(1);
    const u64 public = KEEL_WINDOW + (u64)&keel_public;
    map_own(metal_text, metal_text_end, PTE_USER);
    map_own(metal_text_end, metal_const_end, PTE_USER | PTE_NO_EXECUTE);
    map_own(metal_const_end, metal_data_end, PTE_USER | PTE_WRITE | PTE_NO_EXECUTE);
    map_own(metal_stack, metal_end, PTE_USER | PTE_WRITE | PTE_NO_EXECUTE);
    set_features(basic);
    set_apic(basic);
    set_clock();
    if (!page_map(public, (u64)&keel_public, 1, PTE_PRESENT | PTE_USER | PTE_NO_EXECUTE))
        keel_reset();
    keel_enter((u64)metal_start, (u64)metal_end - 8, boot, info, public); /* as if called */
}

/* ---- calls ------------------------------------------------------------------------ */

static bool is_range(u64 from, u64 pages, u64 low, u64 high)
{
    return from % PAGE == 0 && from >= low && from < high && pages > 0 && pages <= (high - from) / PAGE;
}

/* RAM and devices, but not what the keel and the drivers are made of. */
static bool may_be_seen(u64 physical, u64 pages)
{
    const u64 end = (u64)1 << 46, n = pages * PAGE;
    if (!is_range(physical, pages, 0, end) || page_is_table(physical, pages))
        return false;
    return (physical >= (u64)metal_end || physical + n <= KEEL_BASE) &&
           (physical >= KEEL_LAPIC + PAGE || physical + n <= KEEL_LAPIC);
}

i64 keel_map(u64 virtual, u64 physical, u64 pages, u64 access)
{
    static const u64 flags[] = {
        [KEEL_READ] = PTE_NO_EXECUTE,
        [KEEL_WRITE] = PTE_WRITE | PTE_NO_EXECUTE,
        [KEEL_EXECUTE] = 0,
        [KEEL_DEVICE] = PTE_WRITE | PTE_NO_EXECUTE | PTE_UNCACHED,
    };
    if (sealed || access >= COUNT(flags) || (access != KEEL_READ && !writable) ||
        !is_range(virtual, pages, KEEL_MAP_LOW, KEEL_MAP_HIGH) || !may_be_seen(physical, pages))
        return -1;
    return page_map(virtual, physical, pages, flags[access] | PTE_PRESENT | PTE_USER) ? 0 : -1;
}

/* Only once, and before anything is writable: so no table was ever in ring 3's reach. */
i64 keel_give(u64 physical, u64 pages)
{
    if (sealed || writable || !may_be_seen(physical, pages) ||
        !is_range(physical, pages, KEEL_BASE, KEEL_MAP_LOW) || !page_give(physical, pages))
        return -1;
    writable = true;
    return 0;
}

i64 keel_open_ports(u64 first, u64 n)
{
    if (sealed || first >= KEEL_PORTS_END || n > KEEL_PORTS_END - first)
        return -1;
    for (u64 port = first; port < first + n; port++)
        keel_ports[port / 8] &= (u8) ~(1u << port % 8);
    return 0;
}

i64 keel_seal(u64 handler, u64 stack)
{
    if (sealed)
        return -1;
    sealed = true;
    keel_handler = handler;
    keel_handler_stack = stack;
    return 0;
}

i64 keel_timer(void)
{
    return apic_read(APIC_COUNT);
}

i64 keel_wait(u64 tsc, u64 ticks)
{
    if (keel_public.has_tsc_deadline)
        write_msr(MSR_TSC_DEADLINE, tsc);
    else
        apic_write(APIC_COUNT_FIRST, (u32)MIN(ticks, (u64)UINT32_MAX));
    keel_sleep();
    return 0;
}

i64 keel_guard(u64 virtual)
{
    if (!is_range(virtual, 1, KEEL_MAP_LOW, KEEL_MAP_HIGH) || page_flags(virtual) == 0)
        return -1;
    return page_close(virtual) ? 0 : -1;
}

i64 keel_readable(u64 virtual)
{
    return virtual < KEEL_MAP_HIGH && (page_flags(virtual) & PTE_USER) != 0;
}
