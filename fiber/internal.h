/* What the files of fiber/ share: a fiber's record, and the one scheduler. */
#ifndef FIBER_INTERNAL_H
#define FIBER_INTERNAL_H

#include "fiber/fiber.h"
#include "fiber/timer.h"

enum { FIBER_PAGE = 4096 };

/* Lies at the top of its own stack, so that an unused fiber costs no memory. */
struct fiber {
    struct fiber_report report; /* first: what `fiber_current` shows a host */
    void *sp;                   /* where it goes on; set while it does not run */
    struct link link;           /* in the ready list, in a struct waiters, or idle */
    struct link sibling;        /* in scope->fibers */
    struct scope *scope;
    struct timer deadline;
    void (*fn)(void *arg);
    void *arg;
    enum err result;            /* of its wait */
    bool waiting;
    bool shielded;              /* waits in scope_leave: cancellation does not reach it */
};

/* Six levels of 64 slots: slot s of level l holds timers that are due in the
 * s-th (cyclic) stretch of 64^l ticks. */
enum { WHEEL_LEVELS = 6, WHEEL_SLOTS = 64 };

struct wheel {
    u64 tick;                  /* milliseconds; everything up to here has been looked at */
    u64 filled[WHEEL_LEVELS];  /* a bit for each slot that may hold timers */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct list due;
};

/* The only variable of fiber/: an image runs on one core, so it has one scheduler,
 * as it has one clock. What belongs to a network stack or a server hangs off that
 * stack or server, never here. */
struct scheduler {
    struct span stacks;        /* count slots: a guard page, then the stack */
    size_t slot_size;
    u32 count;                 /* slots */
    u32 touched;               /* slots that were ever used; their guard pages are set */
    u32 alive, peak;
    struct list idle;          /* fibers with nothing to run; the last used, whose stack is warm, first */
    struct list ready;
    u32 runs;                  /* how many more fibers may run in this turn */
    void *loop_sp;             /* the loop, while a fiber runs */
    struct wheel wheel;
    u64 now;                   /* the turn's time */
    struct list sources;       /* of struct loop_source */
    struct waiters stop;
    bool stopping;
};

extern struct scheduler scheduler;

/* Starts from nothing; also a second time, for one simulation after another. */
void scheduler_reset(u64 now);

/* Runs ready fibers from the loop until none is left or scheduler.runs is 0. */
void fibers_run(void);

/* For timers of waiting fibers and for the wheel's owner. */
void wheel_init(struct wheel *w, u64 now);

/* Saves the caller's registers on its stack, *save = that stack, and goes on where
 * `to` was saved (fiber/switch.S). A new fiber's stack is made to look saved at
 * fiber_start, which calls fiber_begin. */
void fiber_switch(void **save, void *to);
extern const u8 fiber_start[];
noreturn_ void fiber_begin(void);

#endif
