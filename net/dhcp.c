#include "net/dhcp.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/udp.h"

/* RFC 2131 §4.1 and §4.4.5, but for the first two (see the header). */
enum {
    REPEAT_S = 1,
    REPEAT_MAX_S = 64,
    REQUEST_TRIES = 4,
    RENEW_REPEAT_MIN_S = 60,
    NAK_PAUSE_S = 1,
    DECLINE_PAUSE_S = 10,
    LEASE_MIN_S = 8, /* a shorter one would keep client and server busy for nothing */
};

#define LEASE_FOREVER ((u32)0xffffffff)

/* ---- sending ---- */

static void send(struct stack *s, struct ip_route *route, const struct dhcp_message *m, u64 now)
{
    u8 packet[UDP_HEADER + DHCP_MESSAGE_MAX];
    struct writer w = writer_of(span_from(SPAN_OF(packet), UDP_HEADER));
    dhcp_encode(&w, m);
    must(!w.full);
    struct writer head = writer_of(SPAN_OF(packet));
    udp_encode(&head, &(struct udp){DHCP_CLIENT_PORT, DHCP_SERVER_PORT, .length = to_u16(UDP_HEADER + w.n)});
    struct ip_datagram d = {
        .protocol = IP_UDP,
        .csum_offset = UDP_SUM_OFFSET,
        .header = view_of(span_first(SPAN_OF(packet), UDP_HEADER)),
        .data = written(&w),
    };
    if (ip_send(s, route, &d, now) != OK)
        count_event(&s->stats.tx_dropped);
}

static struct dhcp_message message(const struct stack *s, u8 type, u64 now)
{
    u64 secs = (now - s->dhcp.started_at) / NS_PER_S;
    return (struct dhcp_message){
        .op = DHCP_BOOTREQUEST,
        .type = type,
        .xid = s->dhcp.xid,
        .secs = (u16)MIN(secs, (u64)UINT16_MAX),
        .chaddr = s->mac,
        .hostname = type == DHCP_DISCOVER || type == DHCP_REQUEST ? s->config.hostname : VIEW_NONE,
    };
}

static void broadcast(struct stack *s, const struct dhcp_message *m, u64 now)
{
    struct ip_route route;
    ip_route_broadcast(s, m->ciaddr, &route);
    send(s, &route, m, now);
}

static void to_server(struct stack *s, const struct dhcp_message *m, u64 now)
{
    struct ip_route route;
    if (ip_route(s, ip4(s->dhcp.lease.server), &route) == OK)
        send(s, &route, m, now);
}

/* What each state says, as table 4 of RFC 2131 has it. */
static void say_again(struct stack *s, u64 now)
{
    struct dhcp *d = &s->dhcp;
    struct dhcp_message m = message(s, d->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST, now);
    if (d->state == DHCP_REQUESTING) {
        m.requested = d->lease.ip;
        m.server = d->lease.server;
    } else if (d->state != DHCP_SELECTING) {
        m.ciaddr = s->ip;
    }
    if (d->tries == 0)
        d->requested_at = now;
    d->tries++;
    if (d->state == DHCP_RENEWING)
        to_server(s, &m, now);
    else
        broadcast(s, &m, now);
}

/* ---- states ---- */

/* Doubled each time, give or take half a second (§4.1). */
static u64 repeat_at(struct stack *s, u64 now)
{
    u32 doublings = MIN(s->dhcp.tries - 1, (u32)6);
    u64 wait_s = MIN((u64)REPEAT_S << doublings, (u64)REPEAT_MAX_S);
    return now + wait_s * NS_PER_S - NS_PER_S / 2 + random_below(&s->random, NS_PER_S);
}

/* Half of what is left, but not less than a minute (§4.4.5). */
static u64 halfway(u64 now, u64 end)
{
    return MIN(end, now + MAX((end - now) / 2, RENEW_REPEAT_MIN_S * NS_PER_S));
}

static void enter(struct stack *s, enum dhcp_state state, u64 now)
{
    struct dhcp *d = &s->dhcp;
    d->state = state;
    if (state == DHCP_SELECTING) {
        d->xid = (u32)(random_u64(&s->random) >> 32);
        d->started_at = now;
    }
    d->tries = 0;
    say_again(s, now);
    timer_set(&d->timer, repeat_at(s, now));
}

static void pause(struct stack *s, u32 seconds, u64 now)
{
    s->dhcp.state = DHCP_INIT;
    timer_set(&s->dhcp.timer, now + seconds * NS_PER_S);
}

static void lose(struct stack *s, u64 now)
{
    if (s->ip)
        stack_set_address(s, 0, 0, 0, now);
}

static void enter_extending(struct stack *s, enum dhcp_state state, u64 now)
{
    struct dhcp *d = &s->dhcp;
    if (state != d->state) {
        d->state = state;
        d->tries = 0;
        d->started_at = now;
        d->xid = (u32)(random_u64(&s->random) >> 32);
    }
    say_again(s, now);
    timer_set(&d->timer, halfway(now, state == DHCP_RENEWING ? d->lease.t2_at : d->lease.ends_at));
}

/* Figure 5's arrows that time draws. */
static void fire(struct timer *t, u64 now)
{
    struct stack *s = CONTAINER(t, struct stack, dhcp.timer);
    struct dhcp *d = &s->dhcp;
    switch (d->state) {
    case DHCP_STOPPED:
        return;
    case DHCP_INIT:
        enter(s, DHCP_SELECTING, now);
        return;
    case DHCP_SELECTING:
        say_again(s, now);
        timer_set(t, repeat_at(s, now));
        return;
    case DHCP_REQUESTING:
        if (d->tries >= REQUEST_TRIES) {
            enter(s, DHCP_SELECTING, now);
            return;
        }
        say_again(s, now);
        timer_set(t, repeat_at(s, now));
        return;
    case DHCP_BOUND:
    case DHCP_RENEWING:
    case DHCP_REBINDING:
        if (now >= d->lease.ends_at) {
            lose(s, now);
            enter(s, DHCP_SELECTING, now);
        } else {
            enter_extending(s, now >= d->lease.t2_at ? DHCP_REBINDING : DHCP_RENEWING, now);
        }
        return;
    }
}

void dhcp_start(struct stack *s, u64 now)
{
    s->dhcp.timer.fire = fire;
    enter(s, DHCP_SELECTING, now);
}

/* ---- answers ---- */

static u8 prefix_of(u32 mask)
{
    u8 n = 0;
    for (; n < 32 && mask >> (31 - n) & 1; n++)
        ;
    return n ? n : 24;
}

static bool is_usable(u32 ip)
{
    return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 28 < 14;
}

static void offered(struct stack *s, const struct dhcp_message *m, u64 now)
{
    if (!m->server || !is_usable(m->yiaddr))
        return;
    s->dhcp.lease = (struct dhcp_lease){.ip = m->yiaddr, .server = m->server};
    enter(s, DHCP_REQUESTING, now);
}

/* §4.4.5: T1 is half of the lease and T2 seven eighths, unless the server says
 * otherwise and makes sense. */
static void set_times(struct dhcp_lease *l, const struct dhcp_message *m, u64 since)
{
    if (m->lease_s == LEASE_FOREVER) {
        l->t1_at = l->t2_at = l->ends_at = FOREVER;
        return;
    }
    u64 lease_s = MAX(m->lease_s, (u32)LEASE_MIN_S), t1_s = m->t1_s, t2_s = m->t2_s;
    if (t1_s == 0 || t2_s <= t1_s || lease_s <= t2_s) {
        t1_s = lease_s / 2;
        t2_s = lease_s * 7 / 8;
    }
    l->t1_at = since + t1_s * NS_PER_S;
    l->t2_at = since + t2_s * NS_PER_S;
    l->ends_at = since + lease_s * NS_PER_S;
}

static void acknowledged(struct stack *s, const struct dhcp_message *m, u64 now)
{
    struct dhcp *d = &s->dhcp;
    if (!is_usable(m->yiaddr) || (d->state == DHCP_REQUESTING && m->yiaddr != d->lease.ip) || !m->lease_s)
        return;
    d->lease.ip = m->yiaddr;
    d->lease.server = m->server ? m->server : d->lease.server;
    d->lease.router = m->router;
    d->lease.prefix = prefix_of(m->mask);
    copy(SPAN_OF(d->lease.resolvers), VIEW_OF(m->resolvers));
    set_times(&d->lease, m, d->requested_at);
    d->state = DHCP_BOUND;
    timer_set(&d->timer, d->lease.t1_at);
    stack_set_address(s, d->lease.ip, d->lease.prefix, d->lease.router, now);
}

static void refused(struct stack *s, const struct dhcp_message *m, u64 now)
{
    if (s->dhcp.state != DHCP_REBINDING && m->server != s->dhcp.lease.server)
        return;
    lose(s, now);
    pause(s, NAK_PAUSE_S, now);
}

/* Figure 5's arrows that servers draw. */
void dhcp_input(struct stack *s, struct view packet, u64 now)
{
    struct dhcp *d = &s->dhcp;
    struct dhcp_message m = {0};
    if (dhcp_decode(packet, &m) != OK) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    if (m.op != DHCP_BOOTREPLY || m.xid != d->xid || m.chaddr != s->mac)
        return;
    switch (d->state) {
    case DHCP_SELECTING:
        if (m.type == DHCP_OFFER)
            offered(s, &m, now);
        return;
    case DHCP_REQUESTING:
    case DHCP_RENEWING:
    case DHCP_REBINDING:
        if (m.type == DHCP_ACK)
            acknowledged(s, &m, now);
        else if (m.type == DHCP_NAK)
            refused(s, &m, now);
        return;
    case DHCP_STOPPED:
    case DHCP_INIT:
    case DHCP_BOUND:
        return;
    }
}

void dhcp_conflict(struct stack *s, u64 now)
{
    struct dhcp_message m = message(s, DHCP_DECLINE, now);
    m.requested = s->dhcp.lease.ip;
    m.server = s->dhcp.lease.server;
    lose(s, now);
    broadcast(s, &m, now);
    pause(s, DECLINE_PAUSE_S, now);
}

void dhcp_release(struct stack *s, u64 now)
{
    struct dhcp *d = &s->dhcp;
    timer_stop(&d->timer);
    if (d->state == DHCP_BOUND || d->state == DHCP_RENEWING || d->state == DHCP_REBINDING) {
        struct dhcp_message m = message(s, DHCP_RELEASE, now);
        m.ciaddr = s->ip;
        m.server = d->lease.server;
        to_server(s, &m, now);
    }
    d->state = DHCP_STOPPED;
}
