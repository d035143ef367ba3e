/* ARP and address conflict detection: resolution and its limits, floods, scans,
 * neighbours that move or vanish, and other claims to our address. */
#include "test/net_peer.h"

static struct peer *start(void)
{
    struct stack_config c = peer_config();
    return peer_start(&c, SIM_FEATURES);
}

static struct dgram *open_port(struct peer *p)
{
    struct dgram *d = NULL;
    return udp_open(p->stack, 5000, &d) == OK ? d : NULL;
}

static enum err send_to(struct dgram *d, u32 ip)
{
    return dgram_send(d, (struct endpoint){ip4(ip), 9}, VIEW("hello"));
}

/* The next request for `ip`. */
static bool asked_for(struct peer *p, u32 ip, u64 ms)
{
    struct arp a;
    u64 deadline = peer_after(ms);
    while (clock_mono_ns() < deadline && peer_next_arp(p, &a, (deadline - clock_mono_ns()) / NS_PER_MS))
        if (a.op == ARP_REQUEST && a.target_ip == ip && a.sender_ip == US)
            return true;
    return false;
}

static void answer_as(struct peer *p, u32 ip, u64 mac)
{
    u64 stack_mac = p->stack->mac;
    peer_arp(p, ARP_REPLY, stack_mac, (struct arp){0, mac, stack_mac, ip, US});
}

static bool pause(u64 ms)
{
    return fiber_sleep_ns(ms * NS_PER_MS) == OK;
}

static void announces(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct arp a;
    u32 probes = 0, announcements = 0;
    CHECK(stack_wait_up(p->stack, 0) == OK); /* at once */
    while (peer_next_arp(p, &a, 4000)) {
        CHECK(a.op == ARP_REQUEST && a.target_mac == 0);
        if (a.target_ip == GATEWAY)
            continue; /* asked for before it is needed */
        CHECK(a.target_ip == US);
        probes += a.sender_ip == 0;
        announcements += a.sender_ip == US;
    }
    CHECK_EQ(probes, 3);
    CHECK_EQ(announcements, 2);
    stack_close(p->stack);
}

static void resolves(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    struct eth e;
    CHECK(send_to(d, PEER) == OK && send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10) && peer_next(p, ETH_IPV4, &e, 10));
    CHECK(e.dst == p->mac && e.src == p->stack->mac);
    /* Known now: straight out. */
    CHECK(send_to(d, PEER) == OK);
    CHECK(peer_next(p, ETH_IPV4, &e, 0 + 1));
    /* Elsewhere: through the gateway, which is being asked for since the start. */
    CHECK(send_to(d, IP4(192, 0, 2, 1)) == OK);
    CHECK(asked_for(p, GATEWAY, 1100));
    answer_as(p, GATEWAY, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    CHECK(send_to(d, IP4(224, 0, 0, 1)) == ERR_UNREACHABLE);
    CHECK(send_to(d, US) == ERR_UNREACHABLE);
    CHECK(send_to(d, IP4(127, 0, 0, 1)) == ERR_UNREACHABLE);
    stack_close(p->stack);
}

static void nobody_there(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    for (u32 i = 0; i < 5; i++)
        CHECK(send_to(d, PEER) == OK);
    CHECK_EQ(p->stack->arp.pending.used, ARP_PENDING_MAX);
    for (u32 i = 0; i < ARP_TRIES; i++)
        CHECK(asked_for(p, PEER, 1100));
    CHECK(!asked_for(p, PEER, 900));
    CHECK(pause(200));
    CHECK_EQ(p->stack->arp.pending.used, 0);
    CHECK_EQ(p->stack->arp.incomplete_n, 0);
    /* Tried again later, and found. */
    CHECK(pause(1500));
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    stack_close(p->stack);
}

static void limits_of_pending(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    for (u32 i = 0; i < 100; i++)
        for (u32 j = 0; j < 4; j++)
            CHECK(send_to(d, IP4(10, 0, 0, 100 + i)) == OK);
    CHECK_EQ(p->stack->arp.incomplete_n, ARP_INCOMPLETE_MAX);
    CHECK_EQ(p->stack->arp.pending.used, ARP_PENDING_ALL);
    CHECK(pause(5000));
    CHECK_EQ(p->stack->arp.incomplete_n, 0);
    CHECK_EQ(p->stack->arp.pending.used, 0);
    stack_close(p->stack);
}

static void scan_keeps_the_living(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    struct eth e;
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    /* We are led to send to the whole network, and asked by all of it (and more). */
    for (u32 round = 0; round < 4; round++) {
        for (u32 i = 3; i < 250; i++) {
            CHECK(send_to(d, IP4(10, 0, 0, i)) == OK);
            peer_arp(p, ARP_REQUEST, ETH_BROADCAST,
                     (struct arp){0, 0x020000010000 + i, 0, IP4(10, 0, 0, i), US});
            peer_arp(p, ARP_REQUEST, ETH_BROADCAST,
                     (struct arp){0, 0x020000020000 + i, 0, IP4(10, 1, 0, i), US});
        }
        CHECK(pause(5));
    }
    CHECK(arp_find(p->stack, PEER) != NEIGHBOR_NONE);
    CHECK(arp_find(p->stack, IP4(10, 1, 0, 3)) == NEIGHBOR_NONE);
    stack_close(p->stack);
}

/* More neighbours than the table holds: what was never sent to gives way. */
static void flood_evicts_the_unused(void *arg)
{
    (void)arg;
    struct stack_config c = peer_config();
    c.prefix = 16;
    struct peer *p = peer_start(&c, SIM_FEATURES);
    struct dgram *d = open_port(p);
    for (u32 i = 0; i < 10; i++)
        peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, IP4(10, 0, 1, i), US});
    CHECK(pause(1));
    for (u32 i = 0; i < 10; i++)
        CHECK(send_to(d, IP4(10, 0, 1, i)) == OK);
    for (u32 i = 0; i < 2000; i++)
        peer_arp(p, ARP_REQUEST, ETH_BROADCAST,
                 (struct arp){0, 0x020000010000 + i, 0, IP4(10, 0, 2 + (i >> 8), i & 255), US});
    CHECK(pause(10));
    for (u32 i = 0; i < 10; i++)
        CHECK(arp_find(p->stack, IP4(10, 0, 1, i)) != NEIGHBOR_NONE);
    CHECK(arp_find(p->stack, IP4(10, 0, 2 + (1999 >> 8), 1999 & 255)) != NEIGHBOR_NONE);
    /* A full table of neighbours in use: the next is refused, and nothing breaks. */
    for (u32 i = 0; i < 300; i++) {
        peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, IP4(10, 0, 20, i & 255), US});
        CHECK(pause(1));
        CHECK(send_to(d, IP4(10, 0, 20, i & 255)) == OK);
    }
    CHECK(send_to(d, IP4(10, 0, 99, 1)) == OK);
    CHECK(arp_find(p->stack, IP4(10, 0, 1, 0)) != NEIGHBOR_NONE);
    stack_close(p->stack);
}

static void gratuitous(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    struct eth e;
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, PEER, PEER});
    CHECK(pause(1));
    CHECK(arp_find(p->stack, PEER) == NEIGHBOR_NONE); /* makes no entry … */
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    peer_arp(p, ARP_REPLY, ETH_BROADCAST, (struct arp){0, 0x020000009999, 0, PEER, PEER});
    CHECK(pause(1));
    u32 before = p->stack->arp.neighbors[arp_find(p->stack, PEER)].state;
    CHECK_EQ(before, NEIGHBOR_REACHABLE);
    CHECK_EQ(p->stack->arp.neighbors[arp_find(p->stack, PEER)].mac, 0x020000009999); /* … changes one */
    stack_close(p->stack);
}

static bool is_unicast_request(struct peer *p, u32 ip, u64 ms)
{
    struct eth e;
    struct arp a;
    u64 deadline = peer_after(ms);
    while (clock_mono_ns() < deadline && peer_next(p, ETH_ARP, &e, (deadline - clock_mono_ns()) / NS_PER_MS))
        if (arp_decode(e.payload, &a) == OK && a.op == ARP_REQUEST && a.target_ip == ip && e.dst == p->mac)
            return true;
    return false;
}

static void ages(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d = open_port(p);
    struct eth e;
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    /* Used after a minute: goes out at once, and the neighbour is asked by unicast. */
    CHECK(pause(61 * 1000));
    CHECK(send_to(d, PEER) == OK);
    CHECK(is_unicast_request(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(pause(1));
    CHECK_EQ(p->stack->arp.neighbors[arp_find(p->stack, PEER)].state, NEIGHBOR_REACHABLE);
    /* No answer to three of those: it is forgotten, and asked for by broadcast. */
    CHECK(pause(61 * 1000));
    CHECK(send_to(d, PEER) == OK);
    for (u32 i = 0; i < ARP_TRIES; i++)
        CHECK(is_unicast_request(p, PEER, 1100));
    CHECK(pause(1100));
    CHECK(arp_find(p->stack, PEER) == NEIGHBOR_NONE);
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    /* Unused for long: resolved anew before anything is sent. */
    CHECK(pause((u64)(ARP_EXPIRE_S + 1) * 1000));
    CHECK(send_to(d, PEER) == OK);
    CHECK(asked_for(p, PEER, 10));
    answer_as(p, PEER, p->mac);
    CHECK(peer_next(p, ETH_IPV4, &e, 10));
    stack_close(p->stack);
}

static void answers(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct arp a;
    while (peer_next_arp(p, &a, 5000))
        ;
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, PEER, US});
    CHECK(peer_next_arp(p, &a, 1));
    CHECK(a.op == ARP_REPLY && a.sender_ip == US && a.sender_mac == p->stack->mac);
    CHECK(a.target_ip == PEER && a.target_mac == p->mac);
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, 0, US}); /* a probe is told too */
    CHECK(peer_next_arp(p, &a, 1) && a.op == ARP_REPLY);
    CHECK(arp_find(p->stack, 0) == NEIGHBOR_NONE);
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, PEER, IP4(10, 0, 0, 3)});
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, ETH_BROADCAST, 0, PEER, US});
    CHECK(!peer_next_arp(p, &a, 10));
    stack_close(p->stack);
}

static void conflict(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct arp a;
    while (peer_next_arp(p, &a, 5000))
        ;
    /* Defended, once in ten seconds, for ever: the address was configured. */
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < 5; i++)
            peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, US, US});
        u32 defences = 0;
        while (peer_next_arp(p, &a, 100))
            defences += a.sender_ip == US && a.target_ip == US;
        CHECK_EQ(defences, 1);
        CHECK(pause(10 * 1000));
    }
    CHECK(stack_wait_up(p->stack, 0) == ERR_EXISTS);
    CHECK(view_find_seq(sim_console(), VIEW("address conflict: 10.0.0.1")) < sim_console().n);
    stack_close(p->stack);
}

static void nonsense(void *arg)
{
    (void)arg;
    struct peer *p = start();
    u8 frame[60];
    struct random *r = sim_random();
    for (u32 i = 0; i < 20000; i++) {
        struct writer w = writer_of(SPAN_OF(frame));
        eth_encode(
            &w, &(struct eth){.dst = i & 1 ? ETH_BROADCAST : p->stack->mac, .src = p->mac, .type = ETH_ARP});
        arp_encode(&w, &(struct arp){(u16)(1 + i % 3), p->mac, 0, PEER + i % 7, US});
        span_set(SPAN_OF(frame), 14 + random_below(r, 28), (u8)random_u64(r));
        span_set(SPAN_OF(frame), 14 + random_below(r, 28), (u8)random_u64(r));
        sim_send(p->dev, view_first(written(&w), written(&w).n - (i % 10 ? 0 : random_below(r, 29))));
        if (i % 32 == 0)
            CHECK(pause(1));
    }
    CHECK(pause(1));
    CHECK(p->stack->stats.rx_malformed > 1000);
    stack_close(p->stack);
}

TEST(an_address_is_announced_at_once_and_probed)
{
    sim_run(1, announces, NULL);
}
TEST(a_neighbour_is_asked_for_and_then_known)
{
    sim_run(2, resolves, NULL);
}
TEST(nobody_answers)
{
    sim_run(3, nobody_there, NULL);
}
TEST(what_waits_is_bounded)
{
    sim_run(4, limits_of_pending, NULL);
}
TEST(a_scan_keeps_the_living)
{
    sim_run(5, scan_keeps_the_living, NULL);
}
TEST(a_flood_evicts_the_unused)
{
    sim_run(6, flood_evicts_the_unused, NULL);
}
TEST(gratuitous_arp_changes_but_never_makes)
{
    sim_run(7, gratuitous, NULL);
}
TEST(entries_age_and_are_asked_again)
{
    sim_run(8, ages, NULL);
}
TEST(requests_are_answered)
{
    sim_run(9, answers, NULL);
}
TEST(a_configured_address_is_defended)
{
    sim_run(10, conflict, NULL);
}
TEST(any_bytes_are_survived)
{
    sim_run(11, nonsense, NULL);
}

TESTS(CASE(an_address_is_announced_at_once_and_probed), CASE(a_neighbour_is_asked_for_and_then_known),
      CASE(nobody_answers), CASE(what_waits_is_bounded), CASE(a_scan_keeps_the_living),
      CASE(a_flood_evicts_the_unused), CASE(gratuitous_arp_changes_but_never_makes),
      CASE(entries_age_and_are_asked_again), CASE(requests_are_answered),
      CASE(a_configured_address_is_defended), CASE(any_bytes_are_survived))
