/* Fibers: cooperative threads of one core, each on a stack of its own with a
 * guard page below. No locks: a fiber runs until it blocks. Every fiber belongs
 * to a scope; leaving the scope cancels and joins its fibers (structured
 * concurrency), so nothing outlives the block that started it. A cancelled
 * fiber's blocking calls return ERR_CANCELED until it returns. */
#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H

#include "base/arena.h"
#include "base/list.h"
#include "base/time.h"
#include "sig/report.h"

struct fiber; /* opaque: its record lies at the top of its stack */

/* A family of fibers. SCOPE makes one. */
struct scope {
    struct scope_report report; /* its name, and the scope of the fiber that opened it */
    struct list fibers;
    u64 frame;                  /* the lowest address of the frame it was opened in */
    struct fiber *joiner;       /* waits in scope_join or scope_leave; one at a time */
    bool canceled;
};

/* Sets the fiber system up: `count` stacks of `stack_size` bytes (a multiple of
 * 4096) each with a guard page, from `a`. Once, before anything else here and in
 * loop.h and timer.h (a second time forgets all that was). */
enum err fibers_init(struct arena *a, u32 count, size_t stack_size);

/* Fibers alive now, and the most there were; whether one is ready to run. */
u32 fibers_alive(void);
u32 fibers_peak(void);
bool fibers_ready(void);

/* Shows every fiber alive, for reports. */
void fibers_visit(void (*visit)(const struct fiber_report *r, void *arg), void *arg);

/* Declares the scope `id` in a block and opens it. However the block is left, the
 * scope is left first: SCOPE(connections, "connections"); */
#define SCOPE(id, name)                                 \
    struct scope id __attribute__((cleanup(scope_leave))); \
    scope_open(&id, name)
void scope_open(struct scope *s, const char *name); /* SCOPE's second half */

/* Cancels all fibers of the scope; returns at once. Idempotent. */
void scope_cancel(struct scope *s);

/* (blocks, not cancelable) Cancels, then waits until every fiber has returned. */
void scope_leave(struct scope *s);

/* (blocks) Waits until every fiber of the scope has returned by itself. */
enum err scope_join(struct scope *s, u64 deadline);

/* Starts fn(arg) as a fiber of `s`; it first runs when the caller blocks. `name`
 * is kept by reference. `arg` must live as long as the scope: one in a frame of the
 * caller's stack that ends before the scope does traps (TRAP_LIVES). ERR_LIMIT: all
 * stacks are in use. ERR_CANCELED: the scope is being left. */
enum err fiber_spawn(struct scope *s, const char *name, void (*fn)(void *arg), void *arg);

/* The running fiber; NULL outside of fibers (in the loop's own turn). */
struct fiber *fiber_self(void);
bool fiber_canceled(void);

/* (blocks) Lets every other ready fiber run first. */
enum err fiber_yield(void);

/* (blocks) OK once `when` has passed. */
enum err fiber_sleep_until(u64 when);
enum err fiber_sleep_ns(u64 ns);

/* A place to wait. Zero-initialised; lives as long as anyone waits. */
struct waiters {
    struct list list;
};

/* (blocks) Until woken (OK), the deadline (ERR_TIMEOUT) or cancellation. A waker
 * promises nothing: check the condition again. */
enum err waiters_wait(struct waiters *w, u64 deadline);
/* (blocks) Until woken, whatever is canceled meanwhile: for what another still has in hand. */
void waiters_wait_shielded(struct waiters *w);
bool waiters_wake_one(struct waiters *w); /* the longest waiting; false: none was */
void waiters_wake_all(struct waiters *w);
static inline bool waiters_any(const struct waiters *w)
{
    return !list_empty(&w->list);
}

#endif
