#include "net/reassembly.h"

#include "base/num.h"
#include "net/internal.h"

enum { HOLE_OPEN = 1 << 16 }; /* the end of a hole whose end is not known yet */

static void release(struct stack *s, struct datagram *d)
{
    blocks_free(&s->blocks, d->run);
    d->run = SPAN_NONE;
    d->state = DATAGRAM_FREE;
}

static void condemn(struct stack *s, struct datagram *d)
{
    release(s, d);
    count_event(&s->stats.rx_dropped);
}

/* The sender learns of it only if the first fragment came (RFC 792). */
static void expire(struct stack *s, struct datagram *d, u64 now)
{
    if (d->header_n > 0) {
        struct view header = view_first(VIEW_OF(d->header), d->header_n);
        icmp_time_exceeded(s, header, view_first(view_of(d->run), ICMP_QUOTE_MIN), now);
    }
    condemn(s, d);
}

static void fire(struct timer *t, u64 now)
{
    struct stack *s = CONTAINER(t, struct stack, reassembly.timer);
    u64 next = FOREVER;
    for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++) {
        struct datagram *d = &AT(s->reassembly.datagrams, i);
        if (d->state == DATAGRAM_INCOMPLETE && now >= d->expires_at)
            expire(s, d, now);
        if (d->state == DATAGRAM_INCOMPLETE)
            next = MIN(next, d->expires_at);
    }
    timer_set(t, next);
}

void reassembly_init(struct stack *s)
{
    s->reassembly.timer.fire = fire;
}

/* ---- which datagram ---- */

/* The incomplete one that is oldest, other than `keep`; NULL: there is none. */
static struct datagram *oldest(struct stack *s, const struct datagram *keep)
{
    struct datagram *best = NULL;
    for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++) {
        struct datagram *d = &AT(s->reassembly.datagrams, i);
        if (d != keep && d->state == DATAGRAM_INCOMPLETE && (!best || d->expires_at < best->expires_at))
            best = d;
    }
    return best;
}

static struct datagram *find(struct stack *s, const struct ipv4 *h)
{
    for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++) {
        struct datagram *d = &AT(s->reassembly.datagrams, i);
        if (d->state == DATAGRAM_INCOMPLETE && d->id == h->id && d->src == h->src && d->dst == h->dst &&
            d->protocol == h->protocol)
            return d;
    }
    return NULL;
}

static struct datagram *free_one(struct stack *s)
{
    for (u32 i = 0; i < REASSEMBLY_DATAGRAMS; i++)
        if (AT(s->reassembly.datagrams, i).state == DATAGRAM_FREE)
            return &AT(s->reassembly.datagrams, i);
    struct datagram *d = oldest(s, NULL);
    if (d)
        condemn(s, d);
    return d;
}

static struct datagram *start(struct stack *s, const struct ipv4 *h, u64 now)
{
    struct datagram *d = free_one(s);
    if (!d)
        return NULL;
    d->state = DATAGRAM_INCOMPLETE;
    d->protocol = h->protocol;
    d->id = h->id;
    d->src = h->src;
    d->dst = h->dst;
    d->header_n = 0;
    d->total = 0;
    d->expires_at = now + REASSEMBLY_S * NS_PER_S;
    d->holes_n = 1;
    d->holes[0] = (struct hole){0, HOLE_OPEN};
    if (!timer_armed(&s->reassembly.timer))
        timer_set(&s->reassembly.timer, d->expires_at);
    return d;
}

/* ---- RFC 815 ---- */

static void add_hole(struct datagram *d, u32 first, u32 end)
{
    if (first < end) {
        AT(d->holes, d->holes_n) = (struct hole){first, end};
        d->holes_n++;
    }
}

/* Nothing of it is missing, and it says what came before. */
static bool is_repeated(const struct datagram *d, u32 first, struct view data)
{
    u32 end = first + (u32)data.n;
    for (u32 i = 0; i < d->holes_n; i++)
        if (AT(d->holes, i).first < end && first < AT(d->holes, i).end)
            return false;
    return end <= d->run.n && view_eq(view_sub(view_of(d->run), first, data.n), data);
}

/* Fills the hole that the fragment lies in. False: in none wholly, or its end
 * contradicts what came before, or the holes have become too many. */
static bool fill_hole(struct datagram *d, u32 first, u32 end, bool more)
{
    for (u32 i = 0; i < d->holes_n; i++) {
        struct hole hole = AT(d->holes, i);
        if (first < hole.first || end > hole.end)
            continue;
        if ((!more && hole.end != HOLE_OPEN) || d->holes_n + 1 > REASSEMBLY_HOLES)
            return false;
        d->holes_n--;
        AT(d->holes, i) = AT(d->holes, d->holes_n);
        add_hole(d, hole.first, first);
        if (more)
            add_hole(d, end, hole.end);
        else
            d->total = end;
        return true;
    }
    return false;
}

/* Others give way, the oldest first; at most half of what is kept is for fragments. */
static bool make_room(struct stack *s, struct datagram *d, u32 end)
{
    if (end > s->blocks.mem.n / 2)
        return false;
    for (;;) { /* Bound: each turn ends another datagram. */
        struct span run = d->run.n > 0 ? blocks_grow(&s->blocks, d->run, end) : blocks_new(&s->blocks, end);
        struct datagram *other = run.n > 0 ? NULL : oldest(s, d);
        if (run.n > 0)
            d->run = run;
        if (!other)
            return run.n > 0;
        condemn(s, other);
    }
}

static bool is_sane(const struct ipv4 *h)
{
    size_t n = h->payload.n;
    return n > 0 && (!h->more_fragments || n % 8 == 0) && h->offset + n <= IPV4_PACKET_MAX - IPV4_HEADER;
}

/* The fragment's bytes into their place. False: the datagram is condemned. */
static bool take(struct stack *s, struct datagram *d, const struct ipv4 *h)
{
    u32 end = h->offset + (u32)h->payload.n;
    if (!fill_hole(d, h->offset, end, h->more_fragments) || !make_room(s, d, end))
        return false;
    copy(span_from(d->run, h->offset), h->payload);
    if (h->offset == 0 && h->payload.n >= ICMP_QUOTE_MIN) {
        copy(SPAN_OF(d->header), h->header);
        d->header_n = (u8)h->header.n;
    }
    return true;
}

apart bool reassembly_add(struct stack *s, const struct ipv4 *h, struct ip_in *in, u64 now)
{
    struct datagram *d = find(s, h);
    if (!is_sane(h)) {
        count_event(&s->stats.rx_malformed);
        return false;
    }
    if (!d)
        d = start(s, h, now);
    else if (is_repeated(d, h->offset, h->payload))
        return false;
    if (!d) {
        count_event(&s->stats.rx_dropped);
        return false;
    }
    if (!take(s, d, h)) {
        condemn(s, d);
        return false;
    }
    if (d->holes_n > 0)
        return false;
    d->state = DATAGRAM_WHOLE;
    s->reassembly.whole_n++;
    in->payload = view_first(view_of(d->run), d->total);
    s->rx_header = view_first(VIEW_OF(d->header), d->header_n);
    return true;
}

void reassembly_settle(struct stack *s)
{
    for (u32 i = 0; s->reassembly.whole_n > 0 && i < REASSEMBLY_DATAGRAMS; i++) {
        struct datagram *d = &AT(s->reassembly.datagrams, i);
        if (d->state == DATAGRAM_WHOLE) {
            release(s, d);
            s->reassembly.whole_n--;
        }
    }
}
