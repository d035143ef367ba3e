#include "net/arp.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/arp.h"
#include "wire/eth.h"

enum { NOBODY = 0 }; /* a hardware address that is none */

static u64 hash(const struct stack *s, u32 ip)
{
    return siphash13(s->key, VIEW_OF(ip));
}

static struct neighbor *find(struct stack *s, u32 ip)
{
    struct map_node *node = map_first(&s->arp.by_ip, hash(s, ip));
    for (; node; node = map_next(node)) {
        struct neighbor *n = CONTAINER(node, struct neighbor, node);
        if (n->ip == ip)
            return n;
    }
    return NULL;
}

static bool has_mac(const struct neighbor *n)
{
    return n->state == NEIGHBOR_REACHABLE || n->state == NEIGHBOR_PROBE;
}

void arp_send(struct stack *s, u16 op, u64 to, u32 sender_ip, u64 target_mac, u32 target_ip)
{
    struct ip_tx *t = ip_tx_begin(s, 0);
    if (!t) {
        count_event(&s->stats.tx_dropped);
        return;
    }
    struct writer w = writer_of(SPAN_OF(t->frame));
    eth_encode(&w, &(struct eth){.dst = to, .src = s->mac, .type = ETH_ARP});
    arp_encode(&w, &(struct arp){op, s->mac, target_mac, sender_ip, target_ip});
    link_commit(t, written(&w).n, (struct net_offload){0});
}

/* ---- entries come and go ---- */

static void set_timer(struct stack *s, u64 when)
{
    struct timer *t = &s->arp.timer;
    if (!timer_armed(t) || when < t->when)
        timer_set(t, when);
}

static void drop_pending(struct stack *s, struct neighbor *n)
{
    for (struct link *l; (l = list_pop(&n->pending));) {
        pool_free(&s->arp.pending, CONTAINER(l, struct arp_pending, link));
        count_event(&s->stats.tx_dropped);
    }
    n->pending_n = 0;
}

static void release(struct stack *s, struct neighbor *n)
{
    drop_pending(s, n);
    if (n->state == NEIGHBOR_INCOMPLETE)
        s->arp.incomplete_n--;
    map_remove(&s->arp.by_ip, &n->node);
    *n = (struct neighbor){.index = n->index};
    stack_changed(s);
}

/* The entry to reuse: a free one, else the one unused for longest if that is a
 * minute or was never. One whose packets wait is not touched. */
static struct neighbor *oldest(struct stack *s, u64 now)
{
    struct arp_table *t = &s->arp;
    struct neighbor *best = NULL;
    if (t->touched < ARP_NEIGHBORS) {
        struct neighbor *n = &AT(t->neighbors, t->touched);
        n->index = t->touched++;
        return n;
    }
    for (u32 i = NEIGHBOR_BROADCAST + 1; i < ARP_NEIGHBORS; i++) {
        struct neighbor *n = &AT(t->neighbors, i);
        if (n->state == NEIGHBOR_FREE)
            return n;
        if (n->state != NEIGHBOR_INCOMPLETE && (!best || n->used < best->used))
            best = n;
    }
    if (!best || (best->used && now - best->used < ARP_STALE_S * NS_PER_S))
        return NULL;
    release(s, best);
    return best;
}

static struct neighbor *create(struct stack *s, u32 ip, u64 now)
{
    struct neighbor *n = oldest(s, now);
    if (!n)
        return NULL;
    n->ip = ip;
    map_put(&s->arp.by_ip, &n->node, hash(s, ip));
    return n;
}

/* An ARP packet told us its address. */
static void learn(struct stack *s, struct neighbor *n, u64 mac, u64 now)
{
    bool known = has_mac(n);
    if (n->state == NEIGHBOR_INCOMPLETE)
        s->arp.incomplete_n--;
    n->state = NEIGHBOR_REACHABLE;
    n->mac = mac;
    n->stale_at = now + ARP_STALE_S * NS_PER_S;
    if (!known)
        stack_changed(s);
    for (struct link *l; (l = list_pop(&n->pending));) {
        struct arp_pending *p = CONTAINER(l, struct arp_pending, link);
        struct span frame = span_first(SPAN_OF(p->frame), p->n);
        eth_store(frame, mac, s->mac, ETH_IPV4);
        link_send_copy(s, view_of(frame), p->offload);
        pool_free(&s->arp.pending, p);
    }
    n->pending_n = 0;
}

/* ---- asking ---- */

static void ask(struct stack *s, struct neighbor *n, u64 now)
{
    u64 to = n->state == NEIGHBOR_PROBE ? n->mac : ETH_BROADCAST;
    arp_send(s, ARP_REQUEST, to, s->ip, NOBODY, n->ip);
    n->tries++;
    n->next_try = now + NS_PER_S;
    set_timer(s, n->next_try);
}

static void start_resolving(struct stack *s, struct neighbor *n, u64 now)
{
    if (has_mac(n))
        stack_changed(s);
    n->state = NEIGHBOR_INCOMPLETE;
    n->tries = 0;
    s->arp.incomplete_n++;
    ask(s, n, now);
}

/* Nobody answered: whoever's packets waited hears of it (RFC 1122 §2.3.2.2). */
static void give_up(struct stack *s, struct neighbor *n, u64 now)
{
    n->state = NEIGHBOR_FAILED;
    n->next_try = now + NS_PER_S;
    s->arp.incomplete_n--;
    set_timer(s, n->next_try);
    for (struct link *l; (l = list_pop(&n->pending));) {
        struct arp_pending *p = CONTAINER(l, struct arp_pending, link);
        struct view packet = view_sub(VIEW_OF(p->frame), ETH_HEADER, p->n - ETH_HEADER);
        icmp_report(s, packet, ERR_UNREACHABLE, 0, now);
        pool_free(&s->arp.pending, p);
        count_event(&s->stats.tx_dropped);
    }
    n->pending_n = 0;
}

static void try_again(struct stack *s, struct neighbor *n, u64 now)
{
    switch ((enum neighbor_state)n->state) {
    case NEIGHBOR_INCOMPLETE:
        if (n->tries < ARP_TRIES)
            ask(s, n, now);
        else
            give_up(s, n, now);
        return;
    case NEIGHBOR_PROBE:
        if (n->tries < ARP_TRIES)
            ask(s, n, now);
        else
            release(s, n);
        return;
    case NEIGHBOR_FAILED:
        release(s, n);
        return;
    case NEIGHBOR_FREE:
    case NEIGHBOR_REACHABLE:
        return;
    }
}

static bool waits(const struct neighbor *n)
{
    return n->state == NEIGHBOR_INCOMPLETE || n->state == NEIGHBOR_PROBE || n->state == NEIGHBOR_FAILED;
}

static void fire(struct timer *timer, u64 now)
{
    struct stack *s = CONTAINER(timer, struct stack, arp.timer);
    u64 next = FOREVER;
    for (u32 i = 0; i < s->arp.touched; i++) {
        struct neighbor *n = &AT(s->arp.neighbors, i);
        if (waits(n) && now >= n->next_try)
            try_again(s, n, now);
        if (waits(n))
            next = MIN(next, n->next_try);
    }
    timer_set(timer, next);
}

/* ---- for IP ---- */

u32 arp_find(struct stack *s, u32 ip)
{
    if (ip == IP_BROADCAST)
        return NEIGHBOR_BROADCAST;
    struct neighbor *n = find(s, ip);
    return n && has_mac(n) ? n->index : NEIGHBOR_NONE;
}

/* A frame is under construction here, so the question itself is left to the timer. */
struct neighbor *arp_use(struct stack *s, u32 index, u64 now)
{
    struct neighbor *n = &AT(s->arp.neighbors, index);
    n->used = now;
    if (likely(now < n->stale_at || n->state == NEIGHBOR_PROBE))
        return n;
    if (now - n->stale_at > (ARP_EXPIRE_S - ARP_STALE_S) * NS_PER_S)
        return NULL;
    n->state = NEIGHBOR_PROBE;
    n->tries = 0;
    n->next_try = now;
    set_timer(s, now);
    return n;
}

static struct arp_pending *pending_room(struct stack *s, struct neighbor *n)
{
    if (n->pending_n == ARP_PENDING_MAX) {
        n->pending_n--;
        count_event(&s->stats.tx_dropped);
        pool_free(&s->arp.pending, CONTAINER(list_pop(&n->pending), struct arp_pending, link));
    }
    return pool_new(&s->arp.pending);
}

static void keep(struct stack *s, struct neighbor *n, struct ip_tx *t, size_t headers_n,
                 struct net_offload offload)
{
    size_t total = headers_n + t->bytes - t->header_n;
    struct arp_pending *p = total <= ARP_PENDING_BYTES ? pending_room(s, n) : NULL;
    if (!p) {
        count_event(&s->stats.tx_dropped);
        return;
    }
    struct writer w = writer_of(SPAN_OF(p->frame));
    put_bytes(&w, view_first(VIEW_OF(t->frame), headers_n));
    for (u32 i = 1; i < t->parts_n; i++)
        put_bytes(&w, AT(s->tx.parts, t->parts_first + i));
    p->n = (u32)total;
    p->offload = offload;
    list_push_back(&n->pending, &p->link);
    n->pending_n++;
}

void arp_prepare(struct stack *s, u32 ip, u64 now)
{
    struct neighbor *n = find(s, ip) ? NULL : create(s, ip, now);
    if (n)
        start_resolving(s, n, now);
}

void arp_wait(struct stack *s, u32 ip, struct ip_tx *t, size_t headers_n, struct net_offload offload, u64 now)
{
    struct neighbor *n = find(s, ip);
    bool resolve = !n || has_mac(n);
    bool room = s->arp.incomplete_n < ARP_INCOMPLETE_MAX || ip == s->gateway;
    if (!n && room)
        n = create(s, ip, now);
    if (n && n->state != NEIGHBOR_FAILED)
        keep(s, n, t, headers_n, offload);
    else
        count_event(&s->stats.tx_dropped);
    ip_tx_drop(t);
    if (n && resolve)
        start_resolving(s, n, now);
}

/* ---- packets ---- */

/* Only what could be a neighbour: on our network, or the gateway. */
static bool plausible(const struct stack *s, const struct arp *a)
{
    bool near = ip_on_link(s, a->sender_ip) || a->sender_ip == s->gateway;
    return near && a->sender_ip != 0 && !eth_is_group(a->sender_mac) && a->sender_mac != NOBODY;
}

/* RFC 826's algorithm: update first, then answer. */
void arp_input(struct stack *s, struct view packet, u64 now)
{
    struct arp a = {0};
    if (arp_decode(packet, &a) != OK) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    if (!s->ip || a.sender_mac == s->mac || acd_input(s, &a, now))
        return;
    bool request = a.op == ARP_REQUEST && a.target_ip == s->ip;
    if (plausible(s, &a)) {
        struct neighbor *n = find(s, a.sender_ip);
        if (!n && request)
            n = create(s, a.sender_ip, now);
        if (n)
            learn(s, n, a.sender_mac, now);
    }
    if (request && !eth_is_group(a.sender_mac))
        arp_send(s, ARP_REPLY, a.sender_mac, s->ip, a.sender_mac, a.sender_ip);
}

void arp_forget(struct stack *s)
{
    for (u32 i = NEIGHBOR_BROADCAST + 1; i < s->arp.touched; i++)
        if (AT(s->arp.neighbors, i).state != NEIGHBOR_FREE)
            release(s, &AT(s->arp.neighbors, i));
    timer_stop(&s->arp.timer);
}

enum err arp_init(struct stack *s, struct arena *a)
{
    struct arp_table *t = &s->arp;
    TRY(map_init(&t->by_ip, a, ARP_NEIGHBORS));
    TRY(pool_init(&t->pending, a, ARP_PENDING_ALL, sizeof(struct arp_pending), _Alignof(struct arp_pending)));
    struct neighbor *everybody = &AT(t->neighbors, NEIGHBOR_BROADCAST);
    everybody->state = NEIGHBOR_REACHABLE;
    everybody->mac = ETH_BROADCAST;
    everybody->stale_at = FOREVER;
    t->touched = NEIGHBOR_BROADCAST + 1;
    t->timer.fire = fire;
    return OK;
}
