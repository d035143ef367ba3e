/* UDP sockets: read in place or kept in bounded memory, closed under their readers,
 * and on links that lose, duplicate and damage. */
#include "test/net_peer.h"

static u8 data[65536];

static struct peer *start(void)
{
    struct stack_config c = peer_config();
    return peer_start(&c, SIM_FEATURES);
}

static bool pause(u64 ms)
{
    return fiber_sleep_ns(ms * NS_PER_MS) == OK;
}

static void ports(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d[9];
    CHECK(udp_open(p->stack, 53, &d[0]) == OK);
    CHECK(udp_open(p->stack, 53, &d[1]) == ERR_EXISTS);
    for (size_t i = 1; i < 8; i++)
        CHECK(udp_open(p->stack, 0, &AT(d, i)) == OK);
    CHECK(udp_open(p->stack, 0, &d[8]) == ERR_LIMIT);
    dgram_close(d[0]);
    CHECK(udp_open(p->stack, 53, &d[0]) == OK);
    stack_close(p->stack);
}

static void first_open_fails(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d;
    for (u64 n = 1;; n++) {
        sim_arena()->fail_at = n;
        enum err e = udp_open(p->stack, 53, &d);
        sim_arena()->fail_at = 0;
        CHECK(e == (n < 8 ? ERR_NO_MEMORY : OK));
        if (e == OK)
            break;
        peer_udp(p, 9, 53, VIEW("nobody here yet"));
        CHECK(pause(1));
    }
    stack_close(p->stack);
}

static void kept(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d;
    struct dgram_in in;
    CHECK(udp_open(p->stack, 7, &d) == OK);
    for (u32 i = 0; i < 10; i++)
        peer_udp(p, (u16)(100 + i), 7, view_first(pattern(SPAN_OF(data), i), i * 100));
    CHECK(pause(10)); /* nobody reads: copied */
    CHECK(p->stack->blocks.used > 0);
    for (u32 i = 0; i < 10; i++) {
        CHECK(dgram_recv(d, &in, 0) == OK);
        CHECK_EQ(in.from.port, 100 + i);
        CHECK(ip_to4(in.from.ip) == PEER && ip_to4(in.to.ip) == US && in.to.port == 7);
        CHECK(view_eq(in.data, view_first(pattern(SPAN_OF(data), i), i * 100)));
    }
    CHECK(dgram_recv(d, &in, peer_after(1)) == ERR_TIMEOUT);
    CHECK_EQ(p->stack->blocks.used, 0);
    CHECK_EQ(p->stack->udp.datagrams.used, 0);
    stack_close(p->stack);
}

static void bounded(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *a, *b;
    struct dgram_in in;
    CHECK(udp_open(p->stack, 7, &a) == OK && udp_open(p->stack, 8, &b) == OK);
    for (u32 i = 0; i < 400; i++) {
        peer_udp(p, 9, 7, view_first(VIEW_OF(data), 1400));
        peer_udp(p, 9, 7, VIEW("x"));
        if (i % 20 == 0)
            CHECK(pause(1));
    }
    CHECK(pause(1));
    /* One socket that nobody reads takes half at most: the other still gets its own. */
    CHECK(p->stack->blocks.used <= p->stack->blocks.count / 2);
    CHECK(p->stack->stats.rx_dropped > 500);
    for (u32 i = 0; i < 50; i++)
        peer_udp(p, 9, 8, view_first(VIEW_OF(data), 1400));
    CHECK(pause(1));
    for (u32 i = 0; i < 50; i++)
        CHECK(dgram_recv(b, &in, 0) == OK);
    dgram_close(a);
    CHECK(pause(1));
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

struct counter {
    struct dgram *d;
    u32 got, closed;
};

static void read_all(void *arg)
{
    struct counter *r = arg;
    struct dgram_in in;
    enum err e;
    while ((e = dgram_recv(r->d, &in, FOREVER)) == OK)
        r->got++;
    r->closed += e == ERR_CLOSED;
}

static void closed_under_readers(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct reader_pair {
        struct counter a, b;
    } r = {0};
    struct scope readers;
    CHECK(udp_open(p->stack, 7, &r.a.d) == OK);
    r.b.d = r.a.d;
    scope_open(&readers, "readers");
    CHECK(fiber_spawn(&readers, "a", read_all, &r.a) == OK &&
          fiber_spawn(&readers, "b", read_all, &r.b) == OK);
    CHECK(pause(1));
    for (u32 i = 0; i < 100; i++)
        peer_udp(p, 9, 7, VIEW("x"));
    CHECK(pause(1));
    CHECK_EQ(r.a.got + r.b.got, 100);
    CHECK_EQ(p->stack->blocks.used, 0); /* read in place */
    dgram_close(r.a.d);
    CHECK(scope_join(&readers, peer_after(10)) == OK);
    CHECK_EQ(r.a.closed + r.b.closed, 2);
    CHECK_EQ(p->stack->udp.sockets.used, 0);
    stack_close(p->stack);
}

/* The stack ends first: the socket says so, and is still its owner's to close. */
static void stack_ends_first(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d;
    struct dgram_in in;
    CHECK(udp_open(p->stack, 7, &d) == OK);
    peer_udp(p, 9, 7, VIEW("x"));
    CHECK(pause(1));
    stack_close(p->stack);
    CHECK(dgram_recv(d, &in, peer_after(1)) == ERR_CLOSED);
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, VIEW("x")) == ERR_CLOSED);
    CHECK_EQ(p->stack->udp.datagrams.used, 0);
    dgram_close(d);
    CHECK_EQ(p->stack->udp.sockets.used, 0);
}

static void canceled_reader(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct counter r = {0};
    struct scope readers;
    CHECK(udp_open(p->stack, 7, &r.d) == OK);
    scope_open(&readers, "readers");
    CHECK(fiber_spawn(&readers, "a", read_all, &r) == OK);
    CHECK(pause(1));
    scope_leave(&readers);
    CHECK_EQ(r.closed, 0);
    dgram_close(r.d);
    CHECK_EQ(p->stack->udp.sockets.used, 0);
    stack_close(p->stack);
}

static void checksums(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d;
    struct dgram_in in;
    u8 packet[64];
    CHECK(udp_open(p->stack, 7, &d) == OK);
    struct view v = peer_udp_packet(SPAN_OF(packet), 9, 7, VIEW("hello"));
    span_set(SPAN_OF(packet), 10, 'x');
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, v);
    CHECK(dgram_recv(d, &in, peer_after(1)) == ERR_TIMEOUT);
    CHECK_EQ(p->stack->stats.rx_malformed, 1);
    store_be16(SPAN_OF(packet), UDP_SUM_OFFSET, 0); /* none was computed: taken as it is */
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, v);
    CHECK(dgram_recv(d, &in, peer_after(1)) == OK);
    store_be16(SPAN_OF(packet), 4, 7); /* shorter than its header, longer than its packet */
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, v);
    store_be16(SPAN_OF(packet), 4, 14);
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, v);
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, view_first(v, 7));
    CHECK(dgram_recv(d, &in, peer_after(1)) == ERR_TIMEOUT);
    CHECK_EQ(p->stack->stats.rx_malformed, 4);
    stack_close(p->stack);
}

/* A datagram whose checksum comes out as 0 is sent with 0xffff. */
static void zero_sum(void *arg)
{
    (void)arg;
    struct stack_config c = peer_config();
    struct peer *p = peer_start(&c, 0);
    struct dgram *d;
    struct ipv4 h;
    u8 text[2] = {0};
    CHECK(udp_open(p->stack, 7, &d) == OK);
    u32 rest = ip_pseudo_sum(ip4(US), ip4(PEER), IP_UDP, 10) + 7 + 9 + 10;
    store_be16(SPAN_OF(text), 0, (u16)(0xffff - ip_sum_fold(rest)));
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, VIEW_OF(text)) == OK);
    CHECK(peer_next_ip(p, &h, 10));
    CHECK_EQ(load_be16(h.payload, UDP_SUM_OFFSET), 0xffff);
    stack_close(p->stack);
}

static void full_device(void *arg)
{
    (void)arg;
    struct peer *p = start();
    struct dgram *d;
    struct ipv4 h;
    CHECK(udp_open(p->stack, 7, &d) == OK);
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, VIEW("x")) == OK);
    CHECK(peer_next_ip(p, &h, 10));
    *sim_path(p->stack_dev) =
        (struct sim_path){.rate_bps = 1000000, .queue_bytes = 20000, .backpressure = true};
    u32 sent = 0, refused = 0;
    for (u32 i = 0; i < 1000; i++) {
        enum err e = dgram_send(d, (struct endpoint){ip4(PEER), 9}, view_first(VIEW_OF(data), 1000));
        CHECK(e == OK || e == ERR_LIMIT);
        sent += e == OK;
        refused += e != OK;
    }
    CHECK(sent >= 19 && refused > 900);
    CHECK(p->stack->stats.tx_dropped > 900);
    CHECK(pause(1000));
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, VIEW("y")) == OK);
    u32 got = 0;
    while (peer_next_ip(p, &h, 200))
        got++;
    CHECK(got >= 19);
    stack_close(p->stack);
}

/* Two stacks over a link that loses, repeats, reorders and damages: what arrives is
 * whole, and what is lost is lost silently. */
static void bad_link(void *arg)
{
    (void)arg;
    struct stack_config c = peer_config();
    struct sim_link *l = sim_link_new(&(struct sim_path){.latency_ns = NS_PER_MS,
                                                         .loss_ppm = 100000,
                                                         .duplicate_ppm = 100000,
                                                         .reorder_ppm = 100000,
                                                         .reorder_ns = 5 * NS_PER_MS,
                                                         .corrupt_ppm = 50000,
                                                         .real = true});
    struct stack *a, *b;
    struct dgram *da, *db;
    struct dgram_in in;
    CHECK(stack_new(&a, sim_arena(), sim_dev(l, SIM_FEATURES), &c) == OK);
    c.ip = PEER;
    CHECK(stack_new(&b, sim_arena(), sim_dev(l, 0), &c) == OK);
    CHECK(udp_open(a, 1, &da) == OK && udp_open(b, 2, &db) == OK);
    u32 got = 0;
    for (u32 i = 0; i < 2000; i++) {
        size_t n = 4 + random_below(sim_random(), 4000);
        (void)pattern(span_first(SPAN_OF(data), n), i);
        store_be32(SPAN_OF(data), 0, i);
        CHECK(dgram_send(da, (struct endpoint){ip4(PEER), 2}, view_first(VIEW_OF(data), n)) == OK);
        while (dgram_recv(db, &in, peer_after(2)) == OK) {
            static u8 expected[4100];
            (void)pattern(span_first(SPAN_OF(expected), in.data.n), load_be32(in.data, 0));
            CHECK(view_eq(view_from(in.data, 4), view_sub(VIEW_OF(expected), 4, in.data.n - 4)));
            CHECK(in.from.port == 1 && ip_to4(in.from.ip) == US);
            got++;
        }
    }
    CHECK(got > 1000 && got < 2600);
    CHECK(pause(40 * 1000));
    CHECK_EQ(a->blocks.used, 0);
    CHECK_EQ(b->blocks.used, 0);
    stack_close(a);
    stack_close(b);
}

TEST(ports_are_given_once)
{
    sim_run(1, ports, NULL);
}
TEST(every_allocation_fails_in_turn)
{
    sim_run(2, first_open_fails, NULL);
}
TEST(what_nobody_reads_yet_is_kept)
{
    sim_run(3, kept, NULL);
}
TEST(what_nobody_reads_is_bounded)
{
    sim_run(4, bounded, NULL);
}
TEST(a_socket_is_closed_under_its_readers)
{
    sim_run(5, closed_under_readers, NULL);
}
TEST(a_reader_is_canceled)
{
    sim_run(6, canceled_reader, NULL);
}
TEST(checksums_count)
{
    sim_run(7, checksums, NULL);
}
TEST(a_sum_of_zero_is_sent_as_ones)
{
    sim_run(8, zero_sum, NULL);
}
TEST(a_full_device_refuses)
{
    sim_run(9, full_device, NULL);
}
TEST(a_stack_ends_before_its_sockets)
{
    sim_run(11, stack_ends_first, NULL);
}
TEST(a_bad_link_loses_but_never_alters)
{
    sim_run(10, bad_link, NULL);
}

TESTS(CASE(ports_are_given_once), CASE(every_allocation_fails_in_turn), CASE(what_nobody_reads_yet_is_kept),
      CASE(what_nobody_reads_is_bounded), CASE(a_socket_is_closed_under_its_readers),
      CASE(a_reader_is_canceled), CASE(checksums_count), CASE(a_sum_of_zero_is_sent_as_ones),
      CASE(a_full_device_refuses), CASE(a_stack_ends_before_its_sockets),
      CASE(a_bad_link_loses_but_never_alters))
