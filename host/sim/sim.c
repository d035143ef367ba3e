#include "host/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/internal.h"
#include "sig/boot.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/entropy.h"
#include "sig/idle.h"

enum { TURN_NS = 100 }; /* each look at the clock: a world in which work takes no time may stand still */

static const u64 START_MONO_NS = 1000 * NS_PER_S;
static const u64 START_WALL_NS = 1767225600 * NS_PER_S; /* 2026-01-01 */

struct sim sim;

/* ---- reports --------------------------------------------------------------------- */

u64 sim_seed(void)
{
    return sim.seed;
}

void sim_print_seed(void)
{
    if (sim.running)
        printf("# sim: seed %llu, %.6f s into the run (SIM_SEED=%llu replays it)\n",
               (unsigned long long)sim.seed, (double)(sim.now - START_MONO_NS) / 1e9,
               (unsigned long long)sim.seed);
}

/* ---- a run ----------------------------------------------------------------------- */

struct random *sim_random(void)
{
    return &sim.random;
}

struct arena *sim_arena(void)
{
    return &sim.arena;
}

bool sim_chance(u32 ppm)
{
    return ppm > 0 && random_below(&sim.random, 1000000) < ppm;
}

void *sim_new(size_t n)
{
    void *p = arena_alloc(&sim.arena, n, 64).p;
    if (!p)
        sim_fail("the world's memory is used up (struct sim_size)");
    return p;
}

static void begin(u64 seed, struct sim_size size)
{
    must(!sim.running);
    const char *override = getenv("SIM_SEED");
    sim = (struct sim){
        .seed = override ? strtoull(override, NULL, 10) : seed,
        .now = START_MONO_NS,
        .wall_offset = START_WALL_NS - START_MONO_NS,
        .running = true,
    };
    random_seed(&sim.random, sim.seed);
    size_t n = size.memory_bytes ? size.memory_bytes : (size_t)1 << 30;
    void *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(memory != MAP_FAILED);
    sim.memory = (struct span){memory, n};
    arena_init_zeroed(&sim.arena, sim.memory);
    must(fibers_init(&sim.arena, size.fibers ? size.fibers : 1024,
                     size.stack_bytes ? size.stack_bytes : 64 * 1024) == OK);
    sim_faults_begin();
}

static void end(void)
{
    sim_faults_end();
    for (u32 i = 0; i < sim.ports_n; i++)
        sim_port_end(AT(sim.ports, i));
    for (u32 i = 0; i < sim.links_n; i++)
        sim_link_end(AT(sim.links, i));
    for (u32 i = 0; i < sim.disks_n; i++)
        sim_disk_end(AT(sim.disks, i));
    sim_pipes_end();
    while (sim.events_n > 0)
        free(sim_event_take());
    free(sim.events);
    munmap(sim.memory.p, sim.memory.n);
    sim.running = false;
}

void sim_run_sized(u64 seed, struct sim_size size, void (*fn)(void *arg), void *arg)
{
    begin(seed, size);
    loop_run(fn, arg);
    end();
}

void sim_run(u64 seed, void (*fn)(void *arg), void *arg)
{
    sim_run_sized(seed, (struct sim_size){0}, fn, arg);
}

/* ---- the queue of events ----------------------------------------------------------- */

static bool earlier(const struct sim_packet *a, const struct sim_packet *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void swap(size_t i, size_t j)
{
    struct sim_packet *p = sim.events[i];
    sim.events[i] = sim.events[j];
    sim.events[j] = p;
}

void sim_event_add(struct sim_packet *p)
{
    if (sim.events_n == sim.events_room) {
        sim.events_room = sim.events_room ? 2 * sim.events_room : 1024;
        sim.events = realloc(sim.events, sim.events_room * sizeof *sim.events);
        must(sim.events);
    }
    p->order = sim.order++;
    size_t i = sim.events_n++;
    sim.events[i] = p;
    for (; i > 0 && earlier(sim.events[i], sim.events[(i - 1) / 2]); i = (i - 1) / 2)
        swap(i, (i - 1) / 2);
}

struct sim_packet *sim_event_first(void)
{
    return sim.events_n > 0 ? sim.events[0] : NULL;
}

struct sim_packet *sim_event_take(void)
{
    struct sim_packet *first = sim.events[0];
    sim.events[0] = sim.events[--sim.events_n];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < sim.events_n && earlier(sim.events[child], sim.events[least]))
                least = child;
        if (least == i)
            return first;
        swap(i, least);
        i = least;
    }
}

/* ---- what a host gives ------------------------------------------------------------- */

static void arrivals(void)
{
    for (struct sim_packet *p; (p = sim_event_first()) && p->when <= sim.now;)
        sim_arrive(sim_event_take());
}

u64 clock_mono_ns(void)
{
    sim.now += TURN_NS;
    arrivals();
    return sim.now;
}

u64 clock_wall_ns(void)
{
    return wrap_add64(sim.now, sim.wall_offset);
}

wraps void sim_set_wall(u64 unix_ns)
{
    sim.wall_offset = unix_ns - sim.now;
}

void entropy_fill(struct span out)
{
    for (size_t i = 0; i < out.n; i++)
        span_set(out, i, (u8)(random_u64(&sim.random) & 0xff));
}

void boot_guard_page(struct span page)
{
    must(page.n == 4096 && mprotect(page.p, page.n, PROT_NONE) == 0);
}

noreturn_ void boot_exit(u8 code)
{
    fflush(stdout);
    exit(code);
}

void console_write(struct view text)
{
    struct span room = span_from(SPAN_OF(sim.console), sim.console_n);
    size_t n = MIN(text.n, room.n);
    copy(room, view_first(text, n));
    sim.console_n += n;
    if (sim.console_show)
        fwrite(text.p, 1, text.n, stdout);
}

struct view sim_console(void)
{
    return view_first(VIEW_OF(sim.console), sim.console_n);
}

void sim_console_show(bool on)
{
    sim.console_show = on;
}

void sim_stop(void)
{
    sim.stop = true;
}

static u64 ready(u64 readable, u64 writable)
{
    u64 bits = 0;
    for (u32 i = 0; i < sim.ports_n; i++) {
        struct sim_port *p = AT(sim.ports, i);
        u64 bit = 1ull << i;
        if (p->first && readable & bit)
            bits |= bit;
        if (writable & bit && (!p->refused || p->free_at <= sim.now))
            bits |= bit;
    }
    bits |= sim_disks_ready(readable);
    if (sim.stop)
        bits |= 1ull << IDLE_STOP_BIT;
    sim.stop = false;
    return bits;
}

/* When a device that refused frames will take some again. */
static u64 next_writable(u64 writable)
{
    u64 when = FOREVER;
    for (u32 i = 0; i < sim.ports_n; i++)
        if (writable >> i & 1)
            when = MIN(when, AT(sim.ports, i)->free_at);
    return when;
}

/* Jumps from event to event until one concerns somebody. */
u64 idle_until(u64 readable, u64 writable, u64 deadline)
{
    for (;;) {
        arrivals();
        u64 bits = ready(readable, writable);
        if (bits || deadline <= sim.now || fibers_ready())
            return bits;
        struct sim_packet *p = sim_event_first();
        u64 event = p ? p->when : FOREVER, room = next_writable(writable);
        u64 next = MIN(event, room);
        next = MIN(next, sim_disks_next());
        next = MIN(next, deadline);
        if (next == FOREVER)
            sim_fail("deadlock: every fiber waits, and nothing is under way");
        sim.now = MAX(sim.now, next);
    }
}
