#include "net/acd.h"

#include "base/fmt.h"
#include "base/num.h"
#include "net/internal.h"
#include "wire/eth.h"

/* RFC 5227 §1.1 */
enum {
    PROBE_NUM = 3,
    PROBE_MIN_S = 1,
    PROBE_MAX_S = 2,
    ANNOUNCE_NUM = 2,
    ANNOUNCE_INTERVAL_S = 2,
    DEFEND_INTERVAL_S = 10
};

static void announce(struct stack *s)
{
    arp_send(s, ARP_REQUEST, ETH_BROADCAST, s->ip, 0, s->ip);
}

static void turn(struct stack *s, u64 now)
{
    struct acd *acd = &s->acd;
    if (acd->probes > 0 && now >= acd->probe_at) {
        arp_send(s, ARP_REQUEST, ETH_BROADCAST, 0, 0, s->ip);
        acd->probes--;
        acd->probe_at =
            now + PROBE_MIN_S * NS_PER_S + random_below(&s->random, (PROBE_MAX_S - PROBE_MIN_S) * NS_PER_S);
    }
    if (acd->announcements > 0 && now >= acd->announce_at) {
        announce(s);
        acd->announcements--;
        acd->announce_at = now + ANNOUNCE_INTERVAL_S * NS_PER_S;
    }
    u64 next = acd->probes > 0 ? acd->probe_at : FOREVER;
    timer_set(&acd->timer, acd->announcements > 0 ? MIN(next, acd->announce_at) : next);
}

static void fire(struct timer *t, u64 now)
{
    turn(CONTAINER(t, struct stack, acd.timer), now);
}

void acd_start(struct stack *s, u64 now)
{
    acd_stop(s);
    s->acd = (struct acd){
        .timer.fire = fire,
        .probe_at = now,
        .announce_at = now,
        .probes = PROBE_NUM,
        .announcements = ANNOUNCE_NUM,
    };
    turn(s, now);
}

void acd_stop(struct stack *s)
{
    timer_stop(&s->acd.timer);
}

static void log_conflict(struct stack *s, u64 mac, u64 now)
{
    if (s->acd.logged_at && now - s->acd.logged_at < DEFEND_INTERVAL_S * NS_PER_S)
        return;
    s->acd.logged_at = now;
    u8 line[96];
    struct writer w = writer_of(SPAN_OF(line));
    put_text(&w, "net: address conflict: ");
    put_ip4(&w, s->ip);
    put_text(&w, " is also used by ");
    put_hex(&w, mac, 12);
    put_text(&w, "\n");
    console_write(written(&w));
}

/* §2.4: one announcement in DEFEND_INTERVAL. A leased address is given up at the
 * second conflict in that time, or at the first while it is being probed. */
bool acd_input(struct stack *s, const struct arp *a, u64 now)
{
    struct acd *acd = &s->acd;
    if (!s->ip || a->sender_ip != s->ip || a->sender_mac == s->mac)
        return false;
    bool recent = acd->defended_at && now - acd->defended_at < DEFEND_INTERVAL_S * NS_PER_S;
    acd->conflict = true;
    log_conflict(s, a->sender_mac, now);
    if (s->config.dhcp && (recent || acd->probes > 0)) {
        dhcp_conflict(s, now);
        return true;
    }
    if (!recent) {
        acd->defended_at = now;
        announce(s);
    }
    return true;
}
