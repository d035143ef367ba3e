/* Time without leaving ring 3. KVM keeps a page with the processor's clock rate and the
 * time of day. Elsewhere the rate comes from CPUID, or is measured, against ACPI's timer
 * or the APIC's, over what the start takes anyway; the time of day comes from the
 * real-time clock, in whole seconds. */
#include "base/num.h"
#include "base/time.h"
#include "host/metal/metal.h"

enum { RTC_INDEX = 0x70, RTC_DATA = 0x71, MEASURE_NS_MIN = 2000000 };

/* Both clocks at one time. */
struct moment {
    u64 tsc;
    u32 reference; /* the other timer's count */
};

static struct {
    u64 mul;             /* nanoseconds a tick, times 2^32 */
    u64 tsc_per_ms;
    bool measures;       /* tsc_per_ms, against the reference */
    struct moment start;
    u64 wall_start;
    u16 pm_timer;        /* its port; 0: the APIC's is the reference */
    u32 ticks_per_ms;    /* of the APIC's timer, where that is what wakes */
    u64 latest;          /* that was told */
} clock;

static u64 read_tsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (u64)high << 32 | low;
}

static u32 cpuid(u32 leaf, u32 out[4])
{
    u32 a = leaf, c = 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(out[1]), "+c"(c), "=d"(out[3]));
    out[0] = a;
    out[2] = c;
    return a;
}

wraps static u64 scaled(u64 ticks, u64 mul)
{
    return (u64)((unsigned __int128)ticks * mul >> 32);
}

/* ---- KVM's page -------------------------------------------------------------------------- */

/* Consistent when its version is even, and the same before and after. */
static struct keel_time read_time(void)
{
    const volatile struct keel_time *from = &metal.public->time;
    struct keel_time t;
    do {
        t.version = from->version;
        __asm__ volatile("" ::: "memory");
        t.tsc = from->tsc;
        t.ns = from->ns;
        t.mul = from->mul;
        t.shift = from->shift;
        __asm__ volatile("" ::: "memory");
    } while ((t.version & 1) || t.version != from->version);
    return t;
}

wraps static u64 kvm_now(void)
{
    struct keel_time t = read_time();
    u64 ticks = sat_sub(read_tsc(), t.tsc);
    ticks = t.shift >= 0 ? ticks << (t.shift & 63) : ticks >> (-t.shift & 63);
    return t.ns + scaled(ticks, t.mul);
}

static u64 kvm_tsc_per_ms(void)
{
    struct keel_time t = read_time();
    u64 ns = ((u64)NS_PER_MS << 32) / MAX(t.mul, 1u);
    return t.shift >= 0 ? ns >> (t.shift & 63) : ns << (-t.shift & 63);
}

/* ---- a rate, and where it starts ------------------------------------------------------------ */

/* In kHz, by CPUID: of the clock's crystal and ratio (15h), or as hypervisors say it. */
static u64 rate_by_cpuid(void)
{
    u32 r[4];
    if (cpuid(0, r) >= 0x15) {
        cpuid(0x15, r);
        if (r[0] != 0 && r[1] != 0 && r[2] != 0)
            return (u64)r[2] * r[1] / r[0] / 1000;
    }
    return cpuid(0x40000000, r) >= 0x40000010 ? cpuid(0x40000010, r) : 0;
}

static bool is_qemu_alone(void)
{
    u32 r[4];
    cpuid(0x40000000, r);
    return r[1] == 0x54474354 && r[2] == 0x43544743; /* "TCGTCGTCGTCG" */
}

static u8 rtc(u8 index)
{
    out8(RTC_INDEX, index);
    return in8(RTC_DATA);
}

static u8 decimal(u8 x, bool is_binary)
{
    return is_binary ? x : (u8)((x >> 4) * 10 + (x & 15));
}

/* MC146818: not while it is being updated, so until two readings agree. */
static u64 rtc_now(void)
{
    static const u8 registers[] = {0, 2, 4, 7, 8, 9, 0x32};
    u8 now[sizeof registers] = {0}, before[sizeof registers];
    enum { STATUS_A = 10, STATUS_B = 11, UPDATING = 0x80, BINARY = 4, TRIES = 100 };
    open_ports(RTC_INDEX, 2);
    if (rtc(STATUS_A) == 0xff)
        return 0;
    bool binary = rtc(STATUS_B) & BINARY;
    for (u32 i = 0; i < TRIES; i++) {
        memcpy(before, now, sizeof now);
        if (rtc(STATUS_A) & UPDATING)
            continue;
        for (u32 r = 0; r < COUNT(registers); r++)
            AT(now, r) = decimal(rtc(AT(registers, r)), binary);
        if (memcmp(now, before, sizeof now) == 0)
            break;
    }
    u32 century = now[6] >= 19 && now[6] <= 21 ? now[6] : 20;
    return date_to_unix((struct date){.year = (i32)(century * 100 + now[5]),
                                      .month = now[4],
                                      .day = now[3],
                                      .hour = now[2],
                                      .minute = now[1],
                                      .second = now[0]}) *
           NS_PER_S;
}

static u32 reference(void)
{
    return clock.pm_timer ? in32(clock.pm_timer) & 0xffffff : (u32)keel_call(KEEL_TIMER, 0, 0, 0, 0);
}

/* Of a few looks the shortest: the machine may be stopped between the two clocks. */
static struct moment look(void)
{
    enum { LOOKS = 4 };
    struct moment best = {0};
    u64 shortest = UINT64_MAX;
    for (u32 i = 0; i < LOOKS; i++) {
        struct moment m = {.tsc = read_tsc()};
        m.reference = reference();
        u64 took = sat_sub(read_tsc(), m.tsc);
        if (took < shortest)
            best = m;
        shortest = MIN(shortest, took);
    }
    return best;
}

void clock_start(u16 pm_timer)
{
    if (metal.public->has_time)
        return;
    clock.tsc_per_ms = rate_by_cpuid();
    clock.measures = clock.tsc_per_ms == 0;
    clock.pm_timer = pm_timer;
    if (clock.measures && pm_timer == 0 && !is_qemu_alone())
        metal_fail("this machine has no clock of a known rate", "");
    clock.wall_start = rtc_now();
    clock.start = look();
}

/* Nanoseconds from clock_start to m by the reference, of which QEMU's APIC timer counts
 * them, downwards. It begins again every 4 s and more: how often it did is what the rate
 * says that was measured so far. */
wraps static u64 reference_ns(struct moment m)
{
    enum { PM_TIMER_HZ = 3579545 };
    const u64 period = clock.pm_timer ? ((u64)1 << 24) * NS_PER_S / PM_TIMER_HZ : (u64)1 << 32;
    u64 ns = clock.pm_timer ? (u64)((m.reference - clock.start.reference) & 0xffffff) * NS_PER_S / PM_TIMER_HZ
                            : clock.start.reference - m.reference;
    if (clock.tsc_per_ms == 0)
        return ns;
    u64 expected = sat_sub(m.tsc, clock.start.tsc) / clock.tsc_per_ms * NS_PER_MS;
    return ns + (sat_sub(expected, ns) + period / 2) / period * period;
}

void clock_measure(void)
{
    struct moment m;
    u64 ns;
    if (!clock.measures)
        return;
    do {
        m = look();
        ns = reference_ns(m);
    } while (ns < MEASURE_NS_MIN);
    clock.tsc_per_ms = MAX(sat_sub(m.tsc, clock.start.tsc) * NS_PER_MS / ns, (u64)1);
}

void clock_ready(void)
{
    clock.ticks_per_ms = NS_PER_MS; /* QEMU's; others have the deadline mode */
    if (metal.public->has_time)
        clock.tsc_per_ms = kvm_tsc_per_ms();
    clock_measure();
    clock.mul = ((u64)NS_PER_MS << 32) / MAX(clock.tsc_per_ms, (u64)1);
}

/* KVM may begin its page anew a little before where the last one led. */
u64 clock_mono_now(void)
{
    u64 now = metal.public->has_time ? kvm_now() : scaled(sat_sub(read_tsc(), clock.start.tsc), clock.mul);
    clock.latest = MAX(clock.latest, now);
    return clock.latest;
}

/* KVM says when its clock was zero. */
u64 clock_wall_now(void)
{
    if (!metal.public->has_time)
        return clock.wall_start + clock_mono_now();
    const volatile struct keel_wall *w = &metal.public->wall;
    return (u64)w->s * NS_PER_S + w->ns + clock_mono_now();
}

static u64 ticks_of(u64 ns, u64 per_ms)
{
    return ns / NS_PER_MS * per_ms + ns % NS_PER_MS * per_ms / NS_PER_MS;
}

/* Both limits are far beyond what anything waits for, and waking early does no harm. */
void clock_sleep(u64 deadline)
{
    u64 now = clock_mono_now(), ns = MIN(sat_sub(deadline, now), (u64)3600 * NS_PER_S);
    keel_call(KEEL_WAIT, read_tsc() + ticks_of(ns, clock.tsc_per_ms) + 1,
              ticks_of(ns, clock.ticks_per_ms) + 1, 0, 0);
}
