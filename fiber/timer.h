/* Timers: a hierarchical wheel (Varghese and Lauck 1987). Arming, re-arming and
 * disarming are O(1); a timer fires in the loop's turn, never early, at most one
 * tick (1 ms) late, however far ahead it was set. A timer is a field of the
 * struct it serves and allocates nothing. */
#ifndef FIBER_TIMER_H
#define FIBER_TIMER_H

#include "base/list.h"
#include "base/time.h"

struct timer {
    struct link link;
    u64 when;
    void (*fire)(struct timer *t, u64 now); /* runs outside of fibers: must not block */
};

/* (Re-)arms for `when`; fire must be set. FOREVER disarms. */
void timer_set(struct timer *t, u64 when);
void timer_stop(struct timer *t); /* no-op when not armed */
static inline bool timer_armed(const struct timer *t)
{
    return link_listed(&t->link);
}

/* For the loop: the earliest time at which timers_run may have work (FOREVER: none
 * armed; may be early, never late), and the firing of what is due. */
u64 timers_next(void);
void timers_run(u64 now);

#endif
