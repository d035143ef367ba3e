#include "net/path.h"

#include "base/num.h"
#include "net/internal.h"

static struct path *find(struct stack *s, u32 ip)
{
    for (u32 i = 0; i < PATHS; i++)
        if (AT(s->paths.paths, i).ip == ip)
            return &AT(s->paths.paths, i);
    return NULL;
}

static void forget(struct timer *t, u64 now)
{
    struct stack *s = CONTAINER(t, struct stack, paths.timer);
    u64 next = FOREVER;
    for (u32 i = 0; i < PATHS; i++) {
        struct path *p = &AT(s->paths.paths, i);
        if (p->ip && now >= p->expires_at) {
            *p = (struct path){0};
            s->paths.count--;
            stack_changed(s);
        }
        if (p->ip)
            next = MIN(next, p->expires_at);
    }
    timer_set(t, next);
}

void path_init(struct stack *s)
{
    s->paths.timer.fire = forget;
}

u16 path_mtu(const struct stack *s, u32 ip)
{
    for (u32 i = 0; s->paths.count > 0 && i < PATHS; i++)
        if (AT(s->paths.paths, i).ip == ip)
            return AT(s->paths.paths, i).mtu;
    return s->dev->mtu;
}

/* RFC 1191 §7, table 7-1. */
static u16 plateau_below(u16 tried)
{
    static const u16 plateaus[] = {8166, 4352, 2002, 1492, 1006, PATH_MTU_MIN};
    for (u32 i = 0; i < COUNT(plateaus); i++)
        if (AT(plateaus, i) < tried)
            return AT(plateaus, i);
    return PATH_MTU_MIN;
}

static struct path *oldest(struct stack *s)
{
    struct path *best = &AT(s->paths.paths, 0);
    for (u32 i = 1; i < PATHS; i++)
        if (AT(s->paths.paths, i).expires_at < best->expires_at)
            best = &AT(s->paths.paths, i);
    return best;
}

u16 path_claim(const struct stack *s, u32 ip, u16 mtu, u16 tried)
{
    u16 claimed = (u16)MAX(mtu ? mtu : plateau_below(tried), (u16)PATH_MTU_MIN);
    return (u16)MIN(claimed, path_mtu(s, ip));
}

void path_learn(struct stack *s, u32 ip, u16 mtu, u64 now)
{
    if (mtu >= path_mtu(s, ip))
        return;
    struct path *p = find(s, ip);
    if (!p) {
        p = oldest(s);
        if (!p->ip)
            s->paths.count++;
    }
    *p = (struct path){.ip = ip, .mtu = mtu, .expires_at = now + PATH_FORGET_S * NS_PER_S};
    if (!timer_armed(&s->paths.timer))
        timer_set(&s->paths.timer, p->expires_at);
    stack_changed(s);
}
