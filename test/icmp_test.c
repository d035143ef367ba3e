/* ICMP: what a stack answers, what it says, what it believes. */
#include "test/net_peer.h"

static u8 data[65536], whole[65536];

static bool ping(struct peer *p, size_t n, u32 features)
{
    (void)features;
    struct ipv4 h;
    struct icmp m = {.type = ICMP_ECHO, .rest = 0x12340001, .payload = pattern(span_first(SPAN_OF(data), n), (u32)n)};
    peer_icmp(p, &m);
    struct icmp answer;
    return peer_next_datagram(p, &h, SPAN_OF(whole), 10) && h.protocol == IP_ICMP && h.src == US && h.dst == PEER &&
           icmp_decode(h.payload, &answer) == OK && answer.type == ICMP_ECHO_REPLY && answer.rest == m.rest &&
           view_eq(answer.payload, m.payload);
}

static void echoes(void *arg)
{
    (void)arg;
    struct stack_config c = peer_config();
    struct peer *p = peer_start(&c, 0);
    p->dev->mtu = 9000;
    static const size_t sizes[] = {0, 1, 56, 57, 1471, 1472};
    for (size_t i = 0; i < COUNT(sizes); i++)
        CHECK(ping(p, AT(sizes, i), 0));
    stack_close(p->stack);
}

TEST(echo_requests_are_answered) { sim_run(1, echoes, NULL); }

TESTS(CASE(echo_requests_are_answered))
