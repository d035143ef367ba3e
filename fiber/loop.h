/* The event loop, one an image. A turn: every source takes a burst in, ready
 * fibers run until none is, due timers fire, every source sends a burst out; when
 * nothing was left to do, one idle_until call sleeps. An idle image so makes no
 * host call at all but that one. */
#ifndef FIBER_LOOP_H
#define FIBER_LOOP_H

#include "base/list.h"
#include "fiber/fiber.h"

/* Something with input and output: a network stack. Callbacks must not block. */
struct loop_source {
    struct link link;
    u64 bit;                                         /* in idle_until's sets: 1 << device index */
    bool (*take)(struct loop_source *s, u64 now);    /* a burst in; true: there was one */
    void (*settle)(struct loop_source *s);           /* fibers have run: keep what must outlive the burst */
    bool (*send)(struct loop_source *s, u64 now);    /* bursts out; true: full, wants to be writable */
};

void loop_add(struct loop_source *s);
void loop_remove(struct loop_source *s);

/* The time of this turn: read once a turn, so it costs nothing to ask. */
u64 loop_now(void);

/* Runs fn(arg) as the first fiber, and the loop until it has returned and no fiber
 * is left. */
void loop_run(void (*fn)(void *arg), void *arg);

/* (blocks) Until the user asks the appliance to stop (SIGTERM, SIGINT). */
enum err loop_wait_stop(u64 deadline);
bool loop_stopping(void);

#endif
