/* ICMP: what a stack answers, what it says, what it believes. */
#include "test/net_peer.h"

static u8 data[65536], whole[65536];

static struct peer *start(u32 features)
{
    struct stack_config c = peer_config();
    return peer_start(&c, features);
}

static struct icmp echo(size_t n)
{
    return (struct icmp){
        .type = ICMP_ECHO, .rest = 0x12340001, .payload = pattern(span_first(SPAN_OF(data), n), (u32)n)};
}

static bool is_answered(struct peer *p, const struct icmp *m)
{
    struct ipv4 h;
    struct icmp answer;
    return peer_next_datagram(p, &h, SPAN_OF(whole), 10) && h.protocol == IP_ICMP && h.src == US &&
           h.dst == PEER && icmp_decode(h.payload, &answer) == OK && answer.type == ICMP_ECHO_REPLY &&
           answer.rest == m->rest && view_eq(answer.payload, m->payload);
}

static void echoes(void *arg)
{
    struct peer *p = start(*(u32 *)arg);
    static const size_t sizes[] = {0, 1, 56, 57, 1471, 1472, 1473, 3001, 8900};
    struct icmp first = echo(1);
    peer_icmp(p, &first); /* resolves */
    CHECK(is_answered(p, &first));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct icmp m = echo(AT(sizes, i));
        peer_icmp(p, &m);
        CHECK(is_answered(p, &m));
    }
    stack_close(p->stack);
}

/* The largest there is, in 45 fragments each way. */
static void large_echo(void *arg)
{
    (void)arg;
    static u8 packet[65536];
    struct peer *p = start(SIM_FEATURES);
    struct icmp m = echo(56);
    peer_icmp(p, &m);
    CHECK(is_answered(p, &m));
    m = echo(65507);
    struct view v = peer_icmp_packet(SPAN_OF(packet), &m);
    for (size_t at = 0; at < v.n; at += 1480) {
        size_t n = MIN((size_t)1480, v.n - at);
        peer_ip(
            p, (struct ipv4){.protocol = IP_ICMP, .id = 5, .offset = (u16)at, .more_fragments = at + n < v.n},
            view_sub(v, at, n));
    }
    CHECK(is_answered(p, &m));
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

static void echo_to_all(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct ipv4 h;
    struct icmp m = echo(56);
    u8 packet[100];
    struct view v = peer_icmp_packet(SPAN_OF(packet), &m);
    peer_ip(p, (struct ipv4){.protocol = IP_ICMP, .dst = IP4(10, 0, 0, 255)}, v);
    peer_ip(p, (struct ipv4){.protocol = IP_ICMP, .dst = IP_BROADCAST}, v);
    span_set(SPAN_OF(packet), 20, 1); /* a wrong checksum */
    peer_ip(p, (struct ipv4){.protocol = IP_ICMP}, v);
    CHECK(!peer_next_ip(p, &h, 10));
    CHECK_EQ(p->stack->stats.rx_malformed, 1);
    stack_close(p->stack);
}

static bool is_told(struct peer *p, u8 type, u8 code, struct view quoted)
{
    struct ipv4 h, inner;
    struct icmp m;
    return peer_next_ip(p, &h, 10) && h.protocol == IP_ICMP && h.length <= 576 &&
           icmp_decode(h.payload, &m) == OK && m.type == type && m.code == code &&
           ipv4_decode_quoted(m.payload, &inner) == OK && inner.src == PEER && inner.dst == US &&
           view_starts(quoted, inner.payload);
}

static void unreachable(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct ipv4 h;
    static u8 packet[1400];
    struct view v = peer_udp_packet(SPAN_OF(packet), 9, 99, pattern(span_first(SPAN_OF(data), 1000), 1));
    peer_ip(p, (struct ipv4){.protocol = IP_UDP}, v);
    CHECK(is_told(p, ICMP_UNREACHABLE, ICMP_PORT, v));
    peer_ip(p, (struct ipv4){.protocol = 47}, v);
    CHECK(is_told(p, ICMP_UNREACHABLE, ICMP_PROTOCOL, v));
    /* Never about a broadcast, nor about ICMP. */
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .dst = IP4(10, 0, 0, 255)}, v);
    peer_icmp(p, &(struct icmp){.type = 99});
    CHECK(!peer_next_ip(p, &h, 10));
    stack_close(p->stack);
}

static void rate(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct ipv4 h;
    u32 told = 0;
    peer_udp(p, 9, 99, VIEW("x"));
    CHECK(peer_next_ip(p, &h, 10));
    CHECK(fiber_sleep_ns(NS_PER_S) == OK);
    for (u32 i = 0; i < 1000; i++) {
        peer_udp(p, 9, 99, VIEW("x"));
        if (i % 50 == 0)
            CHECK(fiber_sleep_ns(NS_PER_US) == OK);
    }
    while (peer_next_ip(p, &h, 2))
        told++;
    CHECK(told >= ICMP_BURST && told <= ICMP_BURST + 4);
    CHECK(fiber_sleep_ns(105 * NS_PER_MS) == OK);
    for (u32 i = 0; i < 100; i++)
        peer_udp(p, 9, 99, VIEW("x"));
    for (told = 0; peer_next_ip(p, &h, 2);)
        told++;
    CHECK(told >= 10 && told <= 13);
    stack_close(p->stack);
}

/* An error about a packet that we never sent, or that says too little, is nothing. */
static void errors_about_others(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d;
    u8 quote[64];
    static const u8 codes[] = {0, 1, ICMP_PROTOCOL, ICMP_PORT, 5, 13};
    CHECK(udp_open(p->stack, 7, &d) == OK);
    for (u32 i = 0; i < 4 * COUNT(codes); i++) {
        struct writer w = writer_of(SPAN_OF(quote));
        ipv4_encode(&w, &(struct ipv4){.protocol = i & 1 ? IP_TCP : IP_UDP,
                                       .src = i & 2 ? US : PEER,
                                       .dst = GATEWAY,
                                       .length = 60,
                                       .ttl = 1});
        put_be16(&w, 7);
        put_be16(&w, 9);
        put_be32(&w, 0);
        struct view whole_quote = written(&w);
        peer_icmp(p,
                  &(struct icmp){.type = ICMP_UNREACHABLE, .code = AT(codes, i / 4), .payload = whole_quote});
        peer_icmp(p, &(struct icmp){.type = ICMP_TIME_EXCEEDED, .payload = whole_quote});
        peer_icmp(p, &(struct icmp){.type = ICMP_PARAMETER, .payload = whole_quote});
        peer_icmp(p, &(struct icmp){.type = ICMP_UNREACHABLE, .payload = view_first(whole_quote, i)});
    }
    struct dgram_in in;
    CHECK(dgram_recv(d, &in, peer_after(10)) == ERR_TIMEOUT);
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, VIEW("still here")) == OK);
    stack_close(p->stack);
}

static u32 all = SIM_FEATURES, none = 0;

TEST(echo_requests_are_answered)
{
    sim_run(1, echoes, &all);
}
TEST(without_help_of_the_device)
{
    sim_run(2, echoes, &none);
}
TEST(the_largest_echo)
{
    sim_run(3, large_echo, NULL);
}
TEST(an_echo_to_all_is_not_answered)
{
    sim_run(4, echo_to_all, NULL);
}
TEST(what_nobody_takes_is_unreachable)
{
    sim_run(5, unreachable, NULL);
}
TEST(errors_have_a_rate)
{
    sim_run(6, rate, NULL);
}
TEST(errors_about_others_are_nothing)
{
    sim_run(7, errors_about_others, NULL);
}

TESTS(CASE(echo_requests_are_answered), CASE(without_help_of_the_device), CASE(the_largest_echo),
      CASE(an_echo_to_all_is_not_answered), CASE(what_nobody_takes_is_unreachable), CASE(errors_have_a_rate),
      CASE(errors_about_others_are_nothing))
