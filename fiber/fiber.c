/* A fiber is ready (in scheduler.ready), running (fiber_current), waiting, or idle.
 * Whoever stops running picks the next ready fiber itself and switches to it
 * directly; only when none may run does control return to the loop. */
#include "fiber/fiber.h"

#include "base/num.h"
#include "base/released.h"
#include "fiber/internal.h"
#include "fiber/loop.h"
#include "sig/boot.h"
#include "sig/clock.h"

struct scheduler scheduler;

/* Not static: a note of switch.S says where it is, for sig/report.h. */
__attribute__((used)) struct fiber_report *fiber_current;

struct fiber *fiber_self(void)
{
    return fiber_current ? CONTAINER(fiber_current, struct fiber, report) : NULL;
}

bool fiber_canceled(void)
{
    struct fiber *self = fiber_self();
    return self && self->scope->canceled;
}

void scheduler_reset(u64 now)
{
    scheduler = (struct scheduler){.now = now};
    wheel_init(&scheduler.wheel, now);
    fiber_current = NULL;
}

enum err fibers_init(struct arena *a, u32 count, size_t stack_size)
{
    must(stack_size >= FIBER_PAGE && stack_size % FIBER_PAGE == 0 && count > 0);
    scheduler_reset(clock_mono_ns());
    size_t slot_size = stack_size + FIBER_PAGE, n;
    if (ckd_mul(&n, slot_size, (size_t)count))
        return ERR_NO_MEMORY;
    struct span stacks = arena_alloc(a, n, FIBER_PAGE);
    if (stacks.n < n)
        return ERR_NO_MEMORY;
    scheduler.stacks = stacks;
    scheduler.slot_size = slot_size;
    scheduler.count = count;
    return OK;
}

u32 fibers_alive(void)
{
    return scheduler.alive;
}

u32 fibers_peak(void)
{
    return scheduler.peak;
}

bool fibers_ready(void)
{
    return !list_empty(&scheduler.ready);
}

static struct span slot_of(u32 number)
{
    return span_sub(scheduler.stacks, number * scheduler.slot_size, scheduler.slot_size);
}

static struct fiber *record_of(u32 number)
{
    size_t size = align_up(sizeof(struct fiber), 64);
    return (void *)span_from(slot_of(number), scheduler.slot_size - size).p;
}

void fibers_visit(void (*visit)(const struct fiber_report *r, void *arg), void *arg)
{
    for (u32 i = 0; i < scheduler.touched; i++)
        if (record_of(i)->scope)
            visit(&record_of(i)->report, arg);
}

/* ---- switching ------------------------------------------------------------- */

/* The one caller of fiber_switch. Returns when the caller is picked again. */
static __attribute__((noinline)) void switch_to(void **save, struct fiber *next)
{
    fiber_current = next ? &next->report : NULL;
    fiber_switch(save, next ? next->sp : scheduler.loop_sp);
}

static struct fiber *next_ready(void)
{
    if (scheduler.runs == 0)
        return NULL;
    struct link *l = list_pop(&scheduler.ready);
    if (!l)
        return NULL;
    scheduler.runs--;
    return CONTAINER(l, struct fiber, link);
}

/* Lets others run until this fiber is picked again. */
static void give_way(struct fiber *self)
{
    struct fiber *next = next_ready();
    if (next != self)
        switch_to(&self->sp, next);
}

void fibers_run(void)
{
    must(!fiber_current);
    struct fiber *next = next_ready();
    if (next)
        switch_to(&scheduler.loop_sp, next);
}

static void resume(struct fiber *f, enum err result)
{
    must(f->waiting);
    list_remove(&f->link);
    timer_stop(&f->deadline);
    f->waiting = false;
    f->result = result;
    list_push_back(&scheduler.ready, &f->link);
}

static void deadline_passed(struct timer *t, u64 now)
{
    (void)now;
    resume(CONTAINER(t, struct fiber, deadline), ERR_TIMEOUT);
}

/* Waits in `w`, or, where w is NULL, for whoever knows the fiber. */
static enum err park(struct fiber *self, struct waiters *w, u64 deadline)
{
    self->waiting = true;
    if (w)
        list_push_back(&w->list, &self->link);
    timer_set(&self->deadline, deadline);
    give_way(self);
    return self->result;
}

/* ---- the life of a fiber --------------------------------------------------- */

/* Takes a slot of the stacks that was never used. */
static struct fiber *first_use(void)
{
    if (scheduler.touched == scheduler.count)
        return NULL;
    struct span slot = slot_of(scheduler.touched);
    struct fiber *f = record_of(scheduler.touched);
    scheduler.touched++;
    boot_guard_page(span_first(slot, FIBER_PAGE));
    u64 low = (u64)(uintptr_t)slot.p + FIBER_PAGE, high = (u64)(uintptr_t)slot.p + slot.n;
    *f = (struct fiber){
        .report = {.magic = FIBER_REPORT_MAGIC, .stack_low = low, .stack_high = high},
        .deadline = {.fire = deadline_passed},
    };
    return f;
}

/* Just below the record: what fiber_switch pops, and where it returns to. */
static void *first_frame(struct fiber *f)
{
    enum { SAVED = 6 };
    void **top = (void **)f;
    *--top = NULL; /* keeps fiber_start's stack pointer aligned: the ABI's 16 bytes */
    *--top = NULL;
    *--top = (void *)(uintptr_t)fiber_start;
    for (size_t i = 0; i < SAVED; i++)
        *--top = NULL;
    return top;
}

/* Frames that were entered later lie lower: an argument on the spawner's stack lives
 * long enough if it lies in the frame that opened the scope, or above. */
static bool outlives(const void *arg, const struct scope *s)
{
    const struct fiber *self = fiber_self();
    u64 at = (u64)(uintptr_t)arg;
    if (!self || at < self->report.stack_low || at >= self->report.stack_high)
        return true;
    return at >= s->frame && s->frame >= self->report.stack_low;
}

enum err fiber_spawn(struct scope *s, const char *name, void (*fn)(void *arg), void *arg)
{
    if (!outlives(arg, s))
        trap_with(TRAP_LIVES);
    if (s->canceled)
        return ERR_CANCELED;
    struct link *l = list_pop(&scheduler.idle);
    struct fiber *f = l ? CONTAINER(l, struct fiber, link) : first_use();
    if (!f)
        return ERR_LIMIT;
    f->report.name = name;
    f->report.scope = &s->report;
    f->scope = s;
    f->fn = fn;
    f->arg = arg;
    f->sp = first_frame(f);
    list_push_back(&s->fibers, &f->sibling);
    list_push_back(&scheduler.ready, &f->link);
    scheduler.alive++;
    scheduler.peak = MAX(scheduler.peak, scheduler.alive);
    return OK;
}

static void wake_joiner(struct scope *s)
{
    if (s->joiner && s->joiner->waiting && list_empty(&s->fibers))
        resume(s->joiner, OK);
}

/* Marks what lies below on the stack's last page as released: the frames of what the
 * fiber ran. It may call nothing, since that would run on what is released. */
static inline __attribute__((always_inline)) void release_frames(const struct fiber *f)
{
    u8 *from = (u8 *)((uintptr_t)f & ~(uintptr_t)(FIBER_PAGE - 1));
    u64 n;
    __asm__ volatile("mov %%rsp, %1\n\tsub %0, %1\n\tshr $3, %1\n\trep stosq"
                     : "+D"(from), "=&c"(n)
                     : "a"(RELEASED_WORD)
                     : "memory", "cc");
}

/* Called by fiber_start on the new stack. The last switch leaves it for good; the
 * stack can then be given to the next fiber. */
__attribute__((used)) void fiber_begin(void)
{
    struct fiber *self = fiber_self();
    self->fn(self->arg);
    release_frames(self);
    list_remove(&self->sibling);
    wake_joiner(self->scope);
    self->scope = NULL;
    self->report.scope = NULL;
    list_push_front(&scheduler.idle, &self->link);
    scheduler.alive--;
    switch_to(&self->sp, next_ready());
    trap_with(TRAP_MUST);
}

enum err fiber_yield(void)
{
    struct fiber *self = fiber_self();
    must(self);
    if (self->scope->canceled)
        return ERR_CANCELED;
    list_push_back(&scheduler.ready, &self->link);
    give_way(self);
    return self->scope->canceled ? ERR_CANCELED : OK;
}

enum err fiber_sleep_until(u64 when)
{
    struct fiber *self = fiber_self();
    must(self);
    if (self->scope->canceled)
        return ERR_CANCELED;
    if (when <= scheduler.now)
        return fiber_yield();
    enum err e = park(self, NULL, when);
    return e == ERR_TIMEOUT ? OK : e;
}

enum err fiber_sleep_ns(u64 ns)
{
    return fiber_sleep_until(sat_add(scheduler.now, ns));
}

/* ---- waiting and waking ---------------------------------------------------- */

/* Once woken, a waiter's answer is OK even if its scope is cancelled before it
 * runs: the wake-up may stand for something that only this waiter was told of.
 * Its next blocking call says ERR_CANCELED. */
enum err waiters_wait(struct waiters *w, u64 deadline)
{
    struct fiber *self = fiber_self();
    must(self);
    if (self->scope->canceled)
        return ERR_CANCELED;
    if (deadline <= scheduler.now)
        return ERR_TIMEOUT;
    return park(self, w, deadline);
}

void waiters_wait_shielded(struct waiters *w)
{
    struct fiber *self = fiber_self();
    must(self);
    bool shielded = self->shielded;
    self->shielded = true;
    must(park(self, w, FOREVER) == OK);
    self->shielded = shielded;
}

bool waiters_wake_one(struct waiters *w)
{
    struct link *l = list_first(&w->list);
    if (!l)
        return false;
    resume(CONTAINER(l, struct fiber, link), OK);
    return true;
}

void waiters_wake_all(struct waiters *w)
{
    while (waiters_wake_one(w))
        continue;
}

/* ---- scopes ---------------------------------------------------------------- */

/* Above this function's frame pointer lie the caller's, the return address, and the
 * frame of the block that opens the scope. */
__attribute__((noinline)) void scope_open(struct scope *s, const char *name)
{
    struct fiber *self = fiber_self();
    *s = (struct scope){.report = {.name = name, .parent = self ? &self->scope->report : NULL},
                        .frame = (u64)(uintptr_t)__builtin_frame_address(0) + 16};
}

void scope_cancel(struct scope *s)
{
    if (s->canceled)
        return;
    s->canceled = true;
    for (struct link *l = list_first(&s->fibers); l; l = list_next(&s->fibers, l)) {
        struct fiber *f = CONTAINER(l, struct fiber, sibling);
        if (f->waiting && !f->shielded)
            resume(f, ERR_CANCELED);
    }
}

/* Waits until the scope is empty; one fiber at a time may. */
static enum err join(struct scope *s, struct fiber *self, u64 deadline)
{
    must(self && self->scope != s && !s->joiner);
    s->joiner = self;
    enum err e = OK;
    while (e == OK && !list_empty(&s->fibers))
        e = park(self, NULL, deadline);
    s->joiner = NULL;
    return e;
}

void scope_leave(struct scope *s)
{
    scope_cancel(s);
    if (list_empty(&s->fibers))
        return;
    struct fiber *self = fiber_self();
    must(self);
    bool shielded = self->shielded;
    self->shielded = true;
    must(join(s, self, FOREVER) == OK);
    self->shielded = shielded;
}

enum err scope_join(struct scope *s, u64 deadline)
{
    if (list_empty(&s->fibers))
        return OK;
    if (fiber_canceled())
        return ERR_CANCELED;
    if (deadline <= scheduler.now)
        return ERR_TIMEOUT;
    return join(s, fiber_self(), deadline);
}
