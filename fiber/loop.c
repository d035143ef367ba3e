#include "fiber/loop.h"

#include "base/num.h"
#include "fiber/internal.h"
#include "sig/clock.h"
#include "sig/idle.h"

enum {
    RUNS_A_TURN = 256, /* then the devices are looked at again, whoever is still ready */
    ASK_MS = 10,      /* a loop that never sleeps still asks the host this often whether to stop */
};

void loop_add(struct loop_source *s)
{
    list_push_back(&scheduler.sources, &s->link);
}

void loop_remove(struct loop_source *s)
{
    list_remove(&s->link);
}

u64 loop_now(void)
{
    return scheduler.now;
}

bool loop_stopping(void)
{
    return scheduler.stopping;
}

enum err loop_wait_stop(u64 deadline)
{
    while (!scheduler.stopping)
        TRY(waiters_wait(&scheduler.stop, deadline));
    return OK;
}

static struct loop_source *source_of(struct link *l)
{
    return l ? CONTAINER(l, struct loop_source, link) : NULL;
}

static struct loop_source *first_source(void)
{
    return source_of(list_first(&scheduler.sources));
}

static struct loop_source *next_source(struct loop_source *s)
{
    return source_of(list_next(&scheduler.sources, &s->link));
}

/* What a turn leaves behind. */
struct turn {
    bool busy;      /* there was input: there may be more */
    u64 readable;   /* devices to wait for */
    u64 writable;   /* devices that were full */
};

static void run_ready(void)
{
    if (fibers_ready())
        fibers_run();
}

static struct turn turn(void)
{
    struct turn t = {0};
    u64 now = scheduler.now = clock_mono_ns();
    scheduler.runs = RUNS_A_TURN;
    for (struct loop_source *s = first_source(); s; s = next_source(s))
        t.busy |= s->take(s, now);
    run_ready();
    timers_run(now);
    run_ready();
    /* Fibers may have added or removed sources: from here on those of now count. */
    for (struct loop_source *s = first_source(); s; s = next_source(s))
        s->settle(s);
    for (struct loop_source *s = first_source(); s; s = next_source(s)) {
        t.readable |= s->bit;
        t.writable |= s->send(s, now) ? s->bit : 0;
    }
    return t;
}

static void ask_host(u64 readable, u64 writable, u64 deadline)
{
    u64 ready = idle_until(readable, writable, deadline);
    if (ready >> IDLE_STOP_BIT & 1) {
        scheduler.stopping = true;
        waiters_wake_all(&scheduler.stop);
    }
}

void loop_run(void (*fn)(void *arg), void *arg)
{
    SCOPE(first, "image");
    must(fiber_spawn(&first, "main", fn, arg) == OK);
    u64 asked = 0;
    for (bool slept = true;;) {
        struct turn t = turn();
        if (scheduler.alive == 0)
            return;
        asked = slept ? scheduler.now : asked;
        u64 next = timers_next();
        slept = !t.busy && next > scheduler.now && !fibers_ready();
        if (slept) {
            ask_host(t.readable, t.writable, next);
        } else if (scheduler.now - asked >= ASK_MS * NS_PER_MS) {
            asked = scheduler.now;
            ask_host(0, 0, 0);
        }
    }
}
