/* A timer due at tick T (milliseconds, rounded up) lies in the level whose slots
 * are just fine enough for how far away T is, and moves to a finer level whenever
 * the wheel enters its slot: at most five times in its life. `filled` lets the
 * wheel jump over empty slots, however long the image has slept. */
#include "fiber/timer.h"

#include "base/num.h"
#include "fiber/internal.h"

enum { SLOT_BITS = 6 };

static u64 slot_ticks(size_t level)
{
    return 1ull << (SLOT_BITS * level);
}

static u64 slot_number(u64 tick, size_t level)
{
    return tick >> (SLOT_BITS * level);
}

void wheel_init(struct wheel *w, u64 now)
{
    *w = (struct wheel){.tick = now / NS_PER_MS};
}

static void place(struct wheel *w, struct timer *t)
{
    u64 tick = t->when / NS_PER_MS + (t->when % NS_PER_MS > 0);
    if (tick <= w->tick) {
        list_push_back(&w->due, &t->link);
        return;
    }
    u64 ahead = tick - w->tick;
    size_t level = 0;
    while (level < WHEEL_LEVELS - 1 && ahead >= slot_ticks(level + 1))
        level++;
    /* Farther away than the wheel reaches: as far as it does, and on from there. */
    ahead = MIN(ahead, slot_ticks(WHEEL_LEVELS) - 1);
    size_t slot = slot_number(w->tick + ahead, level) % WHEEL_SLOTS;
    list_push_back(&AT(AT(w->slots, level), slot), &t->link);
    AT(w->filled, level) |= 1ull << slot;
}

void timer_set(struct timer *t, u64 when)
{
    list_remove(&t->link);
    if (when == FOREVER)
        return;
    must(t->fire);
    t->when = when;
    place(&scheduler.wheel, t);
}

void timer_stop(struct timer *t)
{
    list_remove(&t->link);
}

/* How many slots ahead, 1 to 64, the next slot with timers of this level lies; 0:
 * none. Slots that timer_stop has emptied are noticed here. */
static u64 next_slot(struct wheel *w, size_t level)
{
    u64 *filled = &AT(w->filled, level);
    u64 first = (slot_number(w->tick, level) + 1) % WHEEL_SLOTS;
    while (*filled) {
        u64 turned = first ? *filled >> first | *filled << (WHEEL_SLOTS - first) : *filled;
        u64 ahead = (u64)__builtin_ctzll(turned);
        u64 slot = (first + ahead) % WHEEL_SLOTS;
        if (!list_empty(&AT(AT(w->slots, level), slot)))
            return ahead + 1;
        *filled &= ~(1ull << slot);
    }
    return 0;
}

/* The next tick at which a timer is due or changes its level; UINT64_MAX: none. */
static u64 next_tick(struct wheel *w)
{
    u64 next = UINT64_MAX;
    for (size_t level = 0; level < WHEEL_LEVELS; level++) {
        u64 ahead = next_slot(w, level);
        if (ahead > 0)
            next = MIN(next, (slot_number(w->tick, level) + ahead) << (SLOT_BITS * level));
    }
    return next;
}

/* Enters the tick `tick`: every slot that begins with it is placed anew. */
static void enter(struct wheel *w, u64 tick)
{
    w->tick = tick;
    for (size_t level = 0; level < WHEEL_LEVELS; level++) {
        if (tick % slot_ticks(level) != 0)
            continue;
        size_t slot = slot_number(tick, level) % WHEEL_SLOTS;
        struct list moving = {0}, *from = &AT(AT(w->slots, level), slot);
        for (struct link *l; (l = list_pop(from));)
            list_push_back(&moving, l);
        AT(w->filled, level) &= ~(1ull << slot);
        for (struct link *l; (l = list_pop(&moving));)
            place(w, CONTAINER(l, struct timer, link));
    }
}

u64 timers_next(void)
{
    struct wheel *w = &scheduler.wheel;
    if (!list_empty(&w->due))
        return 0;
    u64 tick = next_tick(w);
    return tick > UINT64_MAX / NS_PER_MS ? FOREVER : tick * NS_PER_MS;
}

void timers_run(u64 now)
{
    struct wheel *w = &scheduler.wheel;
    u64 target = now / NS_PER_MS;
    for (u64 tick; w->tick < target && (tick = next_tick(w)) <= target;)
        enter(w, tick);
    w->tick = MAX(w->tick, target);
    /* One that is armed for now while these fire waits for the next turn. */
    struct list firing = {0};
    for (struct link *l; (l = list_pop(&w->due));)
        list_push_back(&firing, l);
    for (struct link *l; (l = list_pop(&firing));) {
        struct timer *t = CONTAINER(l, struct timer, link);
        t->fire(t, now);
    }
}
