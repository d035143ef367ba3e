/* The DHCP client against a server played by hand: a lease's whole life, and what
 * can go wrong in it. */
#include "test/net_peer.h"

static const u32 SERVER = IP4(10, 0, 0, 254), OFFERED = IP4(10, 0, 0, 77);

static struct peer *start(void)
{
    struct stack_config c = peer_config();
    c.ip = 0;
    c.gateway = 0;
    c.dhcp = true;
    c.hostname = VIEW("pith");
    return peer_start(&c, SIM_FEATURES);
}

/* The next message of the client; checks how it was addressed. */
static bool next(struct peer *p, struct dhcp_message *out, u32 from, u32 to, u64 ms)
{
    struct ipv4 h;
    struct udp u;
    u64 deadline = peer_after(ms);
    while (clock_mono_ns() < deadline) {
        if (!peer_next_ip(p, &h, (deadline - clock_mono_ns()) / NS_PER_MS))
            return false;
        if (h.protocol == IP_UDP && udp_decode(h.payload, &u) == OK && u.to == DHCP_SERVER_PORT)
            return u.from == DHCP_CLIENT_PORT && h.src == from && h.dst == to &&
                   dhcp_decode(u.payload, out) == OK && out->op == DHCP_BOOTREQUEST;
    }
    return false;
}

static struct dhcp_message answer_to(const struct dhcp_message *m, u8 type)
{
    return (struct dhcp_message){
        .op = DHCP_BOOTREPLY,
        .type = type,
        .xid = m->xid,
        .chaddr = m->chaddr,
        .yiaddr = OFFERED,
        .server = SERVER,
        .mask = IP4(255, 255, 255, 0),
        .router = SERVER,
        .resolvers = {IP4(10, 0, 0, 53)},
        .lease_s = 3600,
    };
}

static void reply(struct peer *p, const struct dhcp_message *m, u32 to)
{
    u8 packet[700];
    struct writer w = writer_of(span_from(SPAN_OF(packet), UDP_HEADER));
    dhcp_encode(&w, m);
    struct writer head = writer_of(SPAN_OF(packet));
    udp_encode(&head, &(struct udp){DHCP_SERVER_PORT, DHCP_CLIENT_PORT, .length = (u16)(UDP_HEADER + w.n)});
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .src = SERVER, .dst = to},
            view_first(VIEW_OF(packet), UDP_HEADER + w.n));
}

/* Answers until the client is bound. */
static bool bind(struct peer *p, const struct dhcp_message *change)
{
    struct dhcp_message m;
    if (!next(p, &m, 0, IP_BROADCAST, 66 * 1000) || m.type != DHCP_DISCOVER)
        return false;
    struct dhcp_message offer = answer_to(&m, DHCP_OFFER);
    reply(p, &offer, OFFERED);
    if (!next(p, &m, 0, IP_BROADCAST, 10) || m.type != DHCP_REQUEST)
        return false;
    if (m.requested != OFFERED || m.server != SERVER || !view_eq(m.hostname, VIEW("pith")))
        return false;
    struct dhcp_message ack = answer_to(&m, DHCP_ACK);
    if (change) {
        ack.lease_s = change->lease_s;
        ack.t1_s = change->t1_s;
        ack.t2_s = change->t2_s;
    }
    reply(p, &ack, OFFERED);
    return stack_wait_up(p->stack, peer_after(10)) == OK && ip_to4(stack_ip(p->stack)) == OFFERED;
}

static void whole_life(void *arg)
{
    (void)arg;
    u64 started_at = clock_mono_ns();
    struct peer *p = start();
    struct dhcp_message m;
    CHECK(bind(p, NULL));
    CHECK(clock_mono_ns() - started_at < NS_PER_MS); /* no wait of its own */
    CHECK_EQ(p->stack->gateway, SERVER);
    CHECK_EQ(p->stack->mask, 0xffffff00);
    CHECK_EQ(p->stack->dhcp.lease.resolvers[0], IP4(10, 0, 0, 53));
    u64 bound_at = clock_mono_ns();
    /* T1: by unicast to the server, whose address ARP has to find. */
    CHECK(next(p, &m, OFFERED, SERVER, 1801 * 1000));
    CHECK_EQ(m.type, DHCP_REQUEST);
    CHECK_EQ(m.ciaddr, OFFERED);
    CHECK_EQ(m.requested, 0);
    CHECK_EQ(m.server, 0);
    CHECK(clock_mono_ns() - bound_at >= 1799 * NS_PER_S);
    struct dhcp_message ack = answer_to(&m, DHCP_ACK);
    reply(p, &ack, OFFERED);
    CHECK(fiber_sleep_ns(10 * NS_PER_MS) == OK);
    CHECK_EQ(p->stack->dhcp.state, DHCP_BOUND);
    stack_close(p->stack);
    CHECK(next(p, &m, OFFERED, SERVER, 10));
    CHECK_EQ(m.type, DHCP_RELEASE);
    CHECK_EQ(m.server, SERVER);
}

static void lease_runs_out(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m;
    CHECK(bind(p, NULL));
    u64 bound_at = clock_mono_ns();
    u32 renewals = 0, rebinds = 0;
    /* The server has gone: unicasts from T1, broadcasts from T2, then it starts anew. */
    while (p->stack->ip) {
        struct ipv4 h;
        struct udp u;
        if (!peer_next_ip(p, &h, 3700 * 1000))
            break;
        if (h.protocol != IP_UDP || udp_decode(h.payload, &u) != OK || u.to != DHCP_SERVER_PORT)
            continue;
        CHECK(dhcp_decode(u.payload, &m) == OK);
        renewals += m.type == DHCP_REQUEST && h.dst == SERVER;
        rebinds += m.type == DHCP_REQUEST && h.dst == IP_BROADCAST;
        CHECK(h.dst == SERVER || rebinds > 0 || m.type == DHCP_DISCOVER);
    }
    CHECK(renewals >= 4 && rebinds >= 2);
    CHECK(clock_mono_ns() - bound_at < 3602 * NS_PER_S);
    CHECK(!p->stack->ip);
    CHECK(bind(p, NULL));
    stack_close(p->stack);
}

static void server_silent(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m;
    u64 gaps[8], last = 0;
    for (size_t i = 0; i < COUNT(gaps); i++) {
        CHECK(next(p, &m, 0, IP_BROADCAST, 70 * 1000));
        CHECK_EQ(m.type, DHCP_DISCOVER);
        CHECK_EQ(m.secs, (clock_mono_ns() - p->stack->dhcp.started_at) / NS_PER_S);
        AT(gaps, i) = clock_mono_ns() - last;
        last = clock_mono_ns();
    }
    CHECK(gaps[1] < 2 * NS_PER_S);
    CHECK(gaps[7] > 60 * NS_PER_S);
    CHECK(stack_wait_up(p->stack, peer_after(10)) == ERR_TIMEOUT);
    CHECK(bind(p, NULL));
    stack_close(p->stack);
}

static void request_refused(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m, m2;
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    m2 = answer_to(&m, DHCP_OFFER);
    reply(p, &m2, OFFERED);
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    m2 = answer_to(&m, DHCP_NAK);
    m2.server = IP4(10, 0, 0, 99); /* not the one that was asked */
    reply(p, &m2, IP_BROADCAST);
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK_EQ(p->stack->dhcp.state, DHCP_REQUESTING);
    m2.server = SERVER;
    reply(p, &m2, IP_BROADCAST);
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK_EQ(p->stack->dhcp.state, DHCP_INIT);
    CHECK(bind(p, NULL));
    stack_close(p->stack);
}

static void renewal_refused(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m, m2;
    CHECK(bind(p, NULL));
    CHECK(next(p, &m, OFFERED, SERVER, 1801 * 1000));
    m2 = answer_to(&m, DHCP_NAK);
    reply(p, &m2, IP_BROADCAST);
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK(!p->stack->ip);
    CHECK(bind(p, NULL));
    stack_close(p->stack);
}

static void unanswered_request(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m;
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    struct dhcp_message offer = answer_to(&m, DHCP_OFFER);
    reply(p, &offer, OFFERED);
    for (u32 i = 0; i < 4; i++) {
        CHECK(next(p, &m, 0, IP_BROADCAST, 20 * 1000));
        CHECK_EQ(m.type, DHCP_REQUEST);
    }
    CHECK(next(p, &m, 0, IP_BROADCAST, 20 * 1000));
    CHECK_EQ(m.type, DHCP_DISCOVER);
    CHECK(m.xid != offer.xid);
    stack_close(p->stack);
}

static void taken_address(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m;
    CHECK(bind(p, NULL));
    /* Another host answers the probe. */
    peer_arp(p, ARP_REPLY, ETH_BROADCAST, (struct arp){0, p->mac, 0, OFFERED, OFFERED});
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    CHECK_EQ(m.type, DHCP_DECLINE);
    CHECK_EQ(m.requested, OFFERED);
    CHECK_EQ(m.server, SERVER);
    CHECK(!p->stack->ip);
    u64 declined_at = clock_mono_ns();
    CHECK(next(p, &m, 0, IP_BROADCAST, 11 * 1000));
    CHECK_EQ(m.type, DHCP_DISCOVER);
    CHECK(clock_mono_ns() - declined_at >= 10 * NS_PER_S);
    stack_close(p->stack);
}

static void late_conflict(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m;
    struct arp a;
    CHECK(bind(p, NULL));
    CHECK(fiber_sleep_ns(20 * NS_PER_S) == OK);
    while (peer_next_arp(p, &a, 1))
        ;
    peer_arp(p, ARP_REPLY, ETH_BROADCAST, (struct arp){0, p->mac, 0, OFFERED, OFFERED});
    CHECK(peer_next_arp(p, &a, 10)); /* defended once … */
    CHECK(a.sender_ip == OFFERED && a.target_ip == OFFERED);
    peer_arp(p, ARP_REPLY, ETH_BROADCAST, (struct arp){0, p->mac, 0, OFFERED, OFFERED});
    CHECK(next(p, &m, 0, IP_BROADCAST, 100)); /* … then given up */
    CHECK_EQ(m.type, DHCP_DECLINE);
    stack_close(p->stack);
}

static void odd_leases(void *arg)
{
    (void)arg;
    struct dhcp_message m;
    struct peer *p = start();
    CHECK(bind(p, &(struct dhcp_message){.lease_s = 0xffffffff}));
    CHECK_EQ(p->stack->dhcp.lease.ends_at, FOREVER);
    CHECK(!next(p, &m, OFFERED, SERVER, 10000000));
    stack_close(p->stack);
    p = start();
    CHECK(bind(p, &(struct dhcp_message){.lease_s = 1}));
    CHECK(next(p, &m, OFFERED, SERVER, 4100));
    stack_close(p->stack);
    p = start(); /* T1 after T2: the rule's own times count */
    CHECK(bind(p, &(struct dhcp_message){.lease_s = 1000, .t1_s = 900, .t2_s = 100}));
    CHECK_EQ(p->stack->dhcp.lease.t1_at - p->stack->dhcp.requested_at, 500 * NS_PER_S);
    stack_close(p->stack);
    p = start();
    CHECK(bind(p, &(struct dhcp_message){.lease_s = 1000, .t1_s = 100, .t2_s = 900}));
    CHECK_EQ(p->stack->dhcp.lease.t1_at - p->stack->dhcp.requested_at, 100 * NS_PER_S);
    stack_close(p->stack);
}

static void nonsense(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dhcp_message m, m2;
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    struct dhcp_message offer = answer_to(&m, DHCP_OFFER);
    m2 = offer, m2.xid ^= 1, reply(p, &m2, OFFERED);             /* for somebody else */
    m2 = offer, m2.chaddr ^= 1, reply(p, &m2, OFFERED);
    m2 = offer, m2.op = DHCP_BOOTREQUEST, reply(p, &m2, OFFERED);
    m2 = offer, m2.yiaddr = IP4(127, 0, 0, 1), reply(p, &m2, OFFERED);
    m2 = offer, m2.yiaddr = IP_BROADCAST, reply(p, &m2, OFFERED);
    m2 = offer, m2.server = 0, reply(p, &m2, OFFERED);
    m2 = offer, m2.type = DHCP_ACK, reply(p, &m2, OFFERED);
    peer_udp(p, 67, 68, VIEW("not a message"));
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK_EQ(p->stack->dhcp.state, DHCP_SELECTING);
    reply(p, &offer, OFFERED);
    CHECK(next(p, &m, 0, IP_BROADCAST, 100));
    struct dhcp_message ack = answer_to(&m, DHCP_ACK);
    m2 = ack, m2.yiaddr++, reply(p, &m2, OFFERED);
    m2 = ack, m2.lease_s = 0, reply(p, &m2, OFFERED);
    m2 = ack, m2.yiaddr = IP4(127, 0, 0, 1), reply(p, &m2, OFFERED);
    m2 = ack, m2.type = DHCP_NAK, m2.server++, reply(p, &m2, OFFERED); /* by another server */
    m2 = ack, m2.type = DHCP_OFFER, reply(p, &m2, OFFERED);
    struct stream *stream;
    struct endpoint elsewhere = {ip4(SERVER), 80};
    CHECK_EQ(dialer_dial(tcp_dialer(p->stack), elsewhere, &stream, peer_after(1)), ERR_UNREACHABLE);
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK_EQ(p->stack->dhcp.state, DHCP_REQUESTING);
    reply(p, &ack, OFFERED);
    CHECK(stack_wait_up(p->stack, peer_after(10)) == OK);
    stack_close(p->stack);
}

TEST(a_lease_is_got_renewed_and_released)
{
    sim_run(1, whole_life, NULL);
}
TEST(a_lease_nobody_renews_runs_out)
{
    sim_run(2, lease_runs_out, NULL);
}
TEST(a_silent_server_is_asked_ever_less_often)
{
    sim_run(3, server_silent, NULL);
}
TEST(a_nak_starts_anew)
{
    sim_run(4, request_refused, NULL);
}
TEST(a_nak_to_a_renewal_gives_the_address_up)
{
    sim_run(5, renewal_refused, NULL);
}
TEST(a_server_that_forgets_its_offer_is_left)
{
    sim_run(6, unanswered_request, NULL);
}
TEST(an_address_in_use_is_declined)
{
    sim_run(7, taken_address, NULL);
}
TEST(a_late_conflict_is_defended_once)
{
    sim_run(8, late_conflict, NULL);
}
TEST(odd_lease_times_are_made_sane)
{
    sim_run(9, odd_leases, NULL);
}
TEST(what_makes_no_sense_is_passed_over)
{
    sim_run(10, nonsense, NULL);
}

TESTS(CASE(a_lease_is_got_renewed_and_released), CASE(a_lease_nobody_renews_runs_out),
      CASE(a_silent_server_is_asked_ever_less_often), CASE(a_nak_starts_anew),
      CASE(a_nak_to_a_renewal_gives_the_address_up), CASE(a_server_that_forgets_its_offer_is_left),
      CASE(an_address_in_use_is_declined), CASE(a_late_conflict_is_defended_once),
      CASE(odd_lease_times_are_made_sane), CASE(what_makes_no_sense_is_passed_over))
