/* IPv4: what is taken in, reassembly and its limits, fragments on the way out,
 * checksums without the device's help, path MTU, and any bytes at all. */
#include "test/net_peer.h"

static u8 data[65536], whole[65536];

static struct peer *start(u32 features)
{
    struct stack_config c = peer_config();
    return peer_start(&c, features);
}

static struct dgram *open_port(struct peer *p)
{
    struct dgram *d = NULL;
    return udp_open(p->stack, 7, &d) == OK ? d : NULL;
}

static bool arrives(struct dgram *d, struct view expected)
{
    struct dgram_in in;
    return dgram_recv(d, &in, peer_after(5)) == OK && view_eq(in.data, expected) && in.from.port == 9;
}

/* ---- what is taken in ---- */

static void sources(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    static const u32 martians[] = {0,
                                   IP4(127, 0, 0, 1),
                                   IP4(224, 0, 0, 1),
                                   IP4(255, 255, 255, 255),
                                   IP4(240, 0, 0, 1),
                                   IP4(10, 0, 0, 255),
                                   IP4(10, 0, 0, 1),
                                   IP4(0, 1, 2, 3)};
    static u8 packet[100];
    struct view udp = peer_udp_packet(SPAN_OF(packet), 9, 7, VIEW("x"));
    store_be16(SPAN_OF(packet), UDP_SUM_OFFSET, 0); /* no checksum: right from anywhere */
    for (size_t i = 1; i < COUNT(martians); i++)
        peer_ip(p, (struct ipv4){.protocol = IP_UDP, .src = AT(martians, i)}, udp);
    CHECK(!arrives(d, VIEW("x")));
    CHECK_EQ(p->stack->stats.rx_dropped, COUNT(martians) - 1);
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .ttl = 1}, udp);
    CHECK(arrives(d, VIEW("x")));
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .src = IP4(8, 8, 8, 8)}, udp);
    CHECK(arrives(d, VIEW("x")));
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .dst = IP4(10, 0, 0, 3)}, udp); /* not ours */
    CHECK(!arrives(d, VIEW("x")));
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .dst = IP4(10, 0, 0, 255)}, udp);
    CHECK(arrives(d, VIEW("x")));
    stack_close(p->stack);
}

static void options(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    u8 udp[16], frame[100];
    struct view packet = peer_udp_packet(SPAN_OF(udp), 9, 7, VIEW("hello"));
    struct writer w = writer_of(SPAN_OF(frame));
    eth_encode(&w, &(struct eth){.dst = p->stack->mac, .src = p->mac, .type = ETH_IPV4});
    put_be32(&w, 0x47000000 | (u32)(28 + packet.n));
    put_be32(&w, 0);
    put_be32(&w, 0x40110000);
    put_be32(&w, PEER);
    put_be32(&w, US);
    put_be32(&w, 0x94040000); /* router alert */
    put_be32(&w, 0);
    put_sum_at(span_sub(SPAN_OF(frame), 14, 28), 10, 0);
    put_bytes(&w, packet);
    put_zeroes(&w, 7); /* padding of the link */
    sim_send(p->dev, written(&w));
    CHECK(arrives(d, VIEW("hello")));
    stack_close(p->stack);
}

/* ---- fragments in ---- */

struct cut {
    u32 at, n;
    bool last;
};

static void send_cut(struct peer *p, u16 id, struct view packet, struct cut c)
{
    struct ipv4 h = {.protocol = IP_UDP, .id = id, .offset = (u16)c.at, .more_fragments = !c.last};
    peer_ip(p, h, view_sub(packet, c.at, c.n));
}

static void in_any_order(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    for (u32 round = 0; round < 60; round++) {
        size_t n = 1 + random_below(sim_random(), 60000);
        struct view text = pattern(span_first(SPAN_OF(data), n), round);
        struct view packet = peer_udp_packet(SPAN_OF(whole), 9, 7, text);
        struct cut cuts[64];
        size_t cuts_n = 0;
        size_t piece = MAX(align_up(packet.n / (8 + random_below(sim_random(), 22)), 8), (size_t)8);
        for (size_t at = 0; at < packet.n; at += piece, cuts_n++)
            AT(cuts, cuts_n) = (struct cut){(u32)at, (u32)MIN(piece, packet.n - at), at + piece >= packet.n};
        for (size_t i = cuts_n; i > 1; i--) {
            size_t j = random_below(sim_random(), i);
            struct cut t = AT(cuts, i - 1);
            AT(cuts, i - 1) = AT(cuts, j);
            AT(cuts, j) = t;
        }
        for (size_t i = 0; i < cuts_n; i++) {
            send_cut(p, (u16)round, packet, AT(cuts, i));
            if (round % 3 == 0 && i + 1 < cuts_n)
                send_cut(p, (u16)round, packet, AT(cuts, i)); /* twice is harmless */
        }
        CHECK(arrives(d, text));
        CHECK(fiber_sleep_ns(NS_PER_US) == OK);
        CHECK_EQ(p->stack->blocks.used, 0);
    }
    stack_close(p->stack);
}

static void overlap(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    struct view text = pattern(span_first(SPAN_OF(data), 3000), 1);
    struct view packet = peer_udp_packet(SPAN_OF(whole), 9, 7, text);
    static const struct cut shapes[][4] = {
        {{0, 1000, false}, {992, 1000, false}, {1992, 1016, true}},  /* reaches back */
        {{0, 1000, false}, {1000, 1000, true}, {2000, 1008, true}},  /* two ends */
        {{2000, 1008, true}, {0, 1008, false}, {1000, 1000, false}},
        {{1000, 1000, true}, {0, 1000, false}, {1000, 1000, true}},
        {{2000, 1008, true}, {8, 1992, true}, {0, 2000, false}},     /* an end before the end */
    };
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t j = 0; j < 3; j++)
            send_cut(p, (u16)(100 + i), packet, AT(AT(shapes, i), j));
    CHECK(!arrives(d, text));
    /* The same range with other bytes. */
    send_cut(p, 1, packet, (struct cut){0, 1000, false});
    whole[500] ^= 1;
    send_cut(p, 1, packet, (struct cut){0, 1000, false});
    whole[500] ^= 1;
    send_cut(p, 1, packet, (struct cut){1000, 2008, true});
    CHECK(!arrives(d, text));
    /* Not a multiple of eight, nothing at all, and past the largest datagram. */
    send_cut(p, 2, packet, (struct cut){0, 1001, false});
    send_cut(p, 3, packet, (struct cut){0, 0, false});
    peer_ip(p, (struct ipv4){.protocol = IP_UDP, .id = 4, .offset = 65528}, view_first(packet, 100));
    CHECK(!arrives(d, text));
    CHECK_EQ(p->stack->stats.rx_malformed, 5); /* two of the shapes above were whole, but not datagrams */
    CHECK(fiber_sleep_ns(31 * NS_PER_S) == OK);
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

/* Of 40 that are never completed the last 16 are kept, half of the memory at most. */
static void too_many(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    struct view text = pattern(span_first(SPAN_OF(data), 3000), 1);
    struct view packet = peer_udp_packet(SPAN_OF(whole), 9, 7, text);
    for (u16 id = 0; id < 40; id++)
        send_cut(p, id, packet, (struct cut){0, 1000, false});
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK_EQ(p->stack->blocks.used, REASSEMBLY_DATAGRAMS * 2);
    send_cut(p, 39, packet, (struct cut){1000, 2008, true});
    CHECK(arrives(d, text));
    for (u16 id = 100; id < 110; id++)
        peer_ip(p, (struct ipv4){.protocol = IP_UDP, .id = id, .offset = 60000, .more_fragments = true},
                view_first(VIEW_OF(data), 800));
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    CHECK(p->stack->blocks.used <= p->stack->blocks.count);
    /* Every second eight bytes: the holes have a limit. */
    for (u32 i = 0; i < 100; i++)
        send_cut(p, 200, packet, (struct cut){i * 16, 8, false});
    CHECK(fiber_sleep_ns(31 * NS_PER_S) == OK);
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

static void missing(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct ipv4 h;
    struct icmp m;
    struct view packet = peer_udp_packet(SPAN_OF(whole), 9, 7, pattern(span_first(SPAN_OF(data), 3000), 1));
    send_cut(p, 1, packet, (struct cut){0, 1000, false});
    send_cut(p, 2, packet, (struct cut){1000, 1000, false}); /* without the first: silence */
    u64 sent_at = clock_mono_ns();
    CHECK(peer_next_ip(p, &h, 40 * 1000));
    CHECK(clock_mono_ns() - sent_at >= 30 * NS_PER_S);
    CHECK(h.protocol == IP_ICMP && icmp_decode(h.payload, &m) == OK);
    CHECK(m.type == ICMP_TIME_EXCEEDED && m.code == ICMP_REASSEMBLY);
    CHECK(view_eq(view_sub(m.payload, 20, 8), view_first(packet, 8)));
    CHECK(!peer_next_ip(p, &h, 10 * 1000));
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

/* ---- out ---- */

static bool sends_whole(struct peer *p, struct dgram *d, size_t n)
{
    struct ipv4 h;
    struct udp u;
    struct view text = pattern(span_first(SPAN_OF(data), n), (u32)n);
    if (dgram_send(d, (struct endpoint){ip4(PEER), 9}, text) != OK)
        return false;
    if (!peer_next_datagram(p, &h, SPAN_OF(whole), 10) || h.src != US || h.dst != PEER)
        return false;
    if (udp_decode(h.payload, &u) != OK || u.from != 7 || u.to != 9 || !view_eq(u.payload, text))
        return false;
    u32 sum = ip_sum(u.packet, ip_pseudo_sum(ip4(US), ip4(PEER), IP_UDP, u.length));
    return u.has_sum && ip_sum_fold(sum) == 0xffff;
}

static void out_of_any_size(void *arg)
{
    struct peer *p = start(*(u32 *)arg);
    struct dgram *d = open_port(p);
    static const size_t sizes[] = {0, 1, 2, 100, 101, 1472, 1473, 1480, 2952, 2953, 8000, 65506, 65507};
    CHECK(sends_whole(p, d, 1)); /* resolves: a fragmented one would not wait whole */
    for (u32 round = 0; round < 5; round++)
        for (size_t i = 0; i < COUNT(sizes); i++)
            CHECK(sends_whole(p, d, AT(sizes, i)));
    CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, view_first(VIEW_OF(data), 65508)) == ERR_TOO_BIG);
    /* Several large ones in one turn. */
    for (u32 i = 0; i < 3; i++)
        CHECK(dgram_send(d, (struct endpoint){ip4(PEER), 9}, view_first(VIEW_OF(data), 60000)) == OK);
    struct ipv4 h;
    for (u32 i = 0; i < 3; i++) {
        CHECK(peer_next_datagram(p, &h, SPAN_OF(whole), 10));
        CHECK(view_eq(view_from(h.payload, 8), view_first(VIEW_OF(data), 60000)));
    }
    stack_close(p->stack);
}

static void smallest_mtu(void *arg)
{
    (void)arg;
    struct stack_config c = peer_config();
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *dev = sim_dev(l, 0);
    struct stack *s;
    dev->mtu = 575;
    CHECK(stack_new(&s, sim_arena(), dev, &c) == ERR_INVALID);
    dev->mtu = 576;
    CHECK(stack_new(&s, sim_arena(), dev, &c) == OK);
    struct peer *p = NEW(sim_arena(), struct peer);
    p->link = l;
    p->dev = sim_dev(l, 0);
    p->stack_dev = dev;
    p->stack = s;
    p->mac = eth_mac(VIEW_OF(p->dev->mac));
    struct dgram *d = open_port(p);
    CHECK(sends_whole(p, d, 1));
    CHECK(sends_whole(p, d, 65507)); /* 118 fragments: more than one burst */
    CHECK(sends_whole(p, d, 65507));
    stack_close(s);
}

/* A piece of odd length in the middle turns the bytes of what follows round. */
static void sum_over_odd_parts(void *arg)
{
    (void)arg;
    struct peer *p = start(0);
    struct ip_route route;
    struct ipv4 h;
    struct udp u;
    peer_arp(p, ARP_REQUEST, ETH_BROADCAST, (struct arp){0, p->mac, 0, PEER, US});
    CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
    for (u32 round = 0; round < 200; round++) {
        struct view rest = pattern(span_first(SPAN_OF(data), 1000), round);
        CHECK(ip_route(p->stack, ip4(PEER), &route) == OK);
        struct ip_tx *t = ip_tx_begin(p->stack, UDP_HEADER);
        CHECK(t != NULL);
        struct writer w = writer_of(ip_tx_header(t));
        udp_encode(&w, &(struct udp){1, 2, UDP_HEADER + 1000});
        for (u32 i = 0; i < 20; i++) {
            size_t n = i == 19 ? rest.n : random_below(sim_random(), MIN(rest.n, (size_t)120) + 1);
            if (i & 1)
                CHECK(ip_tx_copy(t, view_first(rest, n)));
            else
                ip_tx_part(t, view_first(rest, n));
            rest = view_from(rest, n);
        }
        ip_tx_send(t, &route, IP_UDP, UDP_SUM_OFFSET, 0, clock_mono_ns());
        CHECK(peer_next_ip(p, &h, 10) && udp_decode(h.payload, &u) == OK);
        CHECK(ip_sum_fold(ip_sum(u.packet, ip_pseudo_sum(ip4(US), ip4(PEER), IP_UDP, u.length))) == 0xffff);
        CHECK(view_eq(u.payload, view_first(VIEW_OF(data), 1000)));
    }
    stack_close(p->stack);
}

/* ---- path MTU ---- */

/* A router's word on a segment of ours. */
struct word {
    u32 dst;
    u16 from_port, to_port;
    u32 seq;
    bool dont_fragment;
    u16 length;
    u32 mtu;
};

static void too_big(struct peer *p, struct word word)
{
    u8 quote[28], packet[64];
    struct writer w = writer_of(SPAN_OF(quote));
    struct ipv4 h = {.protocol = IP_TCP,
                     .ttl = 60,
                     .src = US,
                     .dst = word.dst,
                     .length = word.length,
                     .dont_fragment = word.dont_fragment};
    ipv4_encode(&w, &h);
    put_be16(&w, word.from_port);
    put_be16(&w, word.to_port);
    put_be32(&w, word.seq);
    struct icmp m = {
        .type = ICMP_UNREACHABLE, .code = ICMP_TOO_BIG, .rest = word.mtu, .payload = written(&w)};
    peer_ip(p, (struct ipv4){.protocol = IP_ICMP, .src = GATEWAY}, peer_icmp_packet(SPAN_OF(packet), &m));
}

static u16 mtu_to(struct peer *p, u32 ip)
{
    struct ip_route route = {0};
    return fiber_sleep_ns(NS_PER_MS) == OK && ip_route(p->stack, ip4(ip), &route) == OK ? route.mtu : 0;
}

static const u32 FAR = IP4(192, 0, 2, 1);

static void dial_far(void *arg)
{
    struct peer *p = arg;
    struct stream *s;
    enum err e = dialer_dial(tcp_dialer(p->stack), (struct endpoint){ip4(FAR), 80}, &s, FOREVER);
    if (e == OK)
        stream_abort(s);
}

/* What is said of a SYN in flight is believed, within reason. */
static void paths(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct ipv4 h;
    struct scope scope;
    scope_open(&scope, "dialer");
    CHECK(fiber_spawn(&scope, "dialer", dial_far, p) == OK);
    CHECK(peer_next_ip(p, &h, 10) && h.protocol == IP_TCP && h.dst == FAR && h.dont_fragment);
    struct word w = {FAR, load_be16(h.payload, 0), 80, load_be32(h.payload, 4), true, 1500, 1400}, other;
    other = w, other.seq ^= 0x40000000, too_big(p, other);      /* not in flight */
    other = w, other.from_port ^= 1, too_big(p, other);         /* no connection of ours */
    other = w, other.dont_fragment = false, too_big(p, other);  /* could have been cut */
    other = w, other.length = 900, too_big(p, other);           /* would have fitted */
    CHECK_EQ(mtu_to(p, FAR), 1500);
    too_big(p, w);
    CHECK_EQ(mtu_to(p, FAR), 1400);
    CHECK_EQ(mtu_to(p, FAR + 1), 1500);
    other = w, other.mtu = 1450, too_big(p, other); /* never up */
    CHECK_EQ(mtu_to(p, FAR), 1400);
    other = w, other.mtu = 0, other.length = 1400, too_big(p, other); /* an old router: the next plateau */
    CHECK_EQ(mtu_to(p, FAR), 1006);
    other = w, other.mtu = 68, too_big(p, other); /* never below what we believe */
    CHECK_EQ(mtu_to(p, FAR), PATH_MTU_MIN);
    scope_leave(&scope);
    CHECK(fiber_sleep_ns(615 * NS_PER_S) == OK);
    CHECK_EQ(mtu_to(p, FAR), 1500); /* forgotten after ten minutes */
    stack_close(p->stack);
}

static void paths_bounded(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    for (u32 i = 0; i < 200; i++)
        path_learn(p->stack, FAR + i, path_claim(p->stack, FAR + i, 1000, 1500), clock_mono_ns() + i);
    CHECK_EQ(mtu_to(p, FAR + 199), 1000);
    CHECK_EQ(mtu_to(p, FAR), 1500);
    CHECK_EQ(p->stack->paths.count, PATHS);
    stack_close(p->stack);
}

/* ---- configuration ---- */

static void configurations(void *arg)
{
    (void)arg;
    struct stack *s;
    struct net_dev *dev = sim_dev(sim_link_new(NULL), 0);
    struct stack_config c = peer_config(), bad = c;
    bad.ip = 0;
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    bad = c, bad.prefix = 0;
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    bad = c, bad.prefix = 33;
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    static const u32 nobody[] = {IP4(10, 0, 0, 0), IP4(10, 0, 0, 255), IP4(127, 0, 0, 1), IP4(224, 0, 0, 1)};
    for (size_t i = 0; i < COUNT(nobody); i++) {
        bad = c, bad.ip = AT(nobody, i);
        CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    }
    bad = c, bad.gateway = IP4(10, 0, 1, 254); /* not in our network */
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    bad = c, bad.gateway = c.ip;
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == ERR_INVALID);
    bad.prefix = 32, bad.gateway = IP4(192, 0, 2, 1); /* as some clouds have it */
    CHECK(stack_new(&s, sim_arena(), dev, &bad) == OK);
    stack_close(s);
    u8 memory[4096];
    struct arena small;
    arena_init(&small, SPAN_OF(memory));
    CHECK(stack_new(&s, &small, dev, &c) == ERR_NO_MEMORY);
    /* Every allocation in turn. */
    u64 n = 1;
    for (;; n++) {
        sim_arena()->fail_at = n;
        enum err e = stack_new(&s, sim_arena(), dev, &c);
        sim_arena()->fail_at = 0;
        if (e == OK)
            break;
        CHECK(e == ERR_NO_MEMORY);
    }
    CHECK(n > 5);
    /* Without a gateway nothing leaves the network; in a /31 nothing is a broadcast. */
    stack_close(s);
    c.gateway = 0;
    c.prefix = 31;
    CHECK(stack_new(&s, sim_arena(), dev, &c) == OK);
    struct ip_route route;
    CHECK(ip_route(s, ip4(IP4(192, 0, 2, 1)), &route) == ERR_UNREACHABLE);
    CHECK(ip_route(s, ip4(IP4(10, 0, 0, 0)), &route) == OK);
    CHECK(!ip_is_broadcast(s, IP4(10, 0, 0, 1)));
    CHECK(ip_route(s, (struct ip_addr){.b = {[0] = 0x20}}, &route) == ERR_UNREACHABLE);
    stack_close(s);
}

/* ---- any bytes ---- */

static void any_bytes(void *arg)
{
    (void)arg;
    struct peer *p = start(SIM_FEATURES);
    struct dgram *d = open_port(p);
    struct random *r = sim_random();
    static u8 frame[2000], udp[1600];
    struct listener *l;
    CHECK(d && tcp_listen(p->stack, 80, 4, &l) == OK);
    for (u32 i = 0; i < 100000; i++) {
        static const u8 protocols[] = {IP_UDP, IP_TCP, IP_ICMP, 47};
        size_t n = random_below(r, i % 50 ? 60 : 1400);
        struct view packet = peer_udp_packet(SPAN_OF(udp), 9, 7, pattern(span_first(SPAN_OF(data), n), i));
        bool cut = random_below(r, 4) == 0;
        struct ipv4 h = {
            .protocol = AT(protocols, random_below(r, 4)),
            .id = (u16)random_below(r, 8),
            .ttl = 9,
            .src = random_below(r, 9) ? PEER : (u32)random_u64(r),
            .dst = US,
            .length = (u16)(20 + packet.n),
            .offset = cut ? (u16)(random_below(r, 20) * 8) : 0,
            .more_fragments = cut && random_below(r, 2),
        };
        struct writer w = writer_of(SPAN_OF(frame));
        eth_encode(&w, &(struct eth){.dst = p->stack->mac, .src = p->mac, .type = ETH_IPV4});
        ipv4_encode(&w, &h);
        put_bytes(&w, packet);
        for (u64 flips = random_below(r, 4); flips > 0; flips--)
            span_set(SPAN_OF(frame), 14 + random_below(r, w.n - 14), (u8)random_u64(r));
        if (random_below(r, 2))
            put_sum_at(span_sub(SPAN_OF(frame), 14, 20), 10, 0);
        sim_send(p->dev,
                 view_first(VIEW_OF(frame), random_below(r, 20) ? w.n : 14 + random_below(r, w.n - 13)));
        if (i % 64 == 0)
            CHECK(fiber_sleep_ns(NS_PER_US) == OK);
    }
    struct dgram_in in;
    while (dgram_recv(d, &in, peer_after(1)) == OK)
        ;
    CHECK(p->stack->stats.rx_malformed > 1000);
    CHECK(fiber_sleep_ns(40 * NS_PER_S) == OK);
    CHECK_EQ(p->stack->blocks.used, 0);
    stack_close(p->stack);
}

/* What the link hands up and no floor above should see. */
static void frames_of_others(void *arg)
{
    (void)arg;
    struct stack_config config = peer_config();
    struct peer *p = peer_start(&config, 0);
    u8 frame[64];
    static const struct {
        u64 dst, src;
        u16 type;
        u8 n;
        bool malformed;
    } frames[] = {
        {0, 2, ETH_IPV4, 20, true},               /* no whole header of IP */
        {0, 0x010000000002, ETH_IPV4, 60, true},  /* from a group */
        {0x01005e000001, 2, ETH_IPV4, 60, false}, /* for another group */
        {0, 2, 0x86dd, 60, false},                /* another protocol */
        {0, 2, ETH_ARP, 20, true},
    };
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct stack_stats before = stack_stats(p->stack);
        struct writer w = writer_of(SPAN_OF(frame));
        u64 dst = AT(frames, i).dst ? AT(frames, i).dst : eth_mac(VIEW_OF(p->stack_dev->mac));
        eth_encode(&w, &(struct eth){.dst = dst, .src = AT(frames, i).src, .type = AT(frames, i).type});
        put_zeroes(&w, 46);
        sim_send(p->dev, view_first(written(&w), AT(frames, i).n));
        CHECK(fiber_sleep_ns(NS_PER_MS) == OK);
        struct stack_stats after = stack_stats(p->stack);
        CHECK_EQ(after.rx_malformed - before.rx_malformed, AT(frames, i).malformed);
        CHECK_EQ(after.rx_dropped - before.rx_dropped, !AT(frames, i).malformed);
    }
    stack_close(p->stack);
}

static u32 all = SIM_FEATURES, none = 0;

TEST(frames_that_are_not_ours_are_dropped)
{
    sim_run(15, frames_of_others, NULL);
}

TEST(martians_are_dropped)
{
    sim_run(1, sources, NULL);
}
TEST(options_are_skipped)
{
    sim_run(2, options, NULL);
}
TEST(fragments_come_in_any_order)
{
    sim_run(3, in_any_order, NULL);
}
TEST(overlapping_fragments_condemn_their_datagram)
{
    sim_run(4, overlap, NULL);
}
TEST(unfinished_datagrams_are_bounded)
{
    sim_run(5, too_many, NULL);
}
TEST(a_missing_fragment_is_reported)
{
    sim_run(6, missing, NULL);
}
TEST(datagrams_of_any_size_go_out)
{
    sim_run(7, out_of_any_size, &all);
}
TEST(without_help_of_the_device)
{
    sim_run(8, out_of_any_size, &none);
}
TEST(through_the_smallest_mtu)
{
    sim_run(9, smallest_mtu, NULL);
}
TEST(checksums_over_odd_parts)
{
    sim_run(10, sum_over_odd_parts, NULL);
}
TEST(paths_are_learned_and_forgotten)
{
    sim_run(11, paths, NULL);
}
TEST(paths_are_bounded)
{
    sim_run(14, paths_bounded, NULL);
}

TEST(configurations_are_checked)
{
    sim_run(12, configurations, NULL);
}
TEST(any_bytes_are_survived)
{
    sim_run(13, any_bytes, NULL);
}

TESTS(CASE(frames_that_are_not_ours_are_dropped), CASE(martians_are_dropped), CASE(options_are_skipped),
      CASE(fragments_come_in_any_order), CASE(overlapping_fragments_condemn_their_datagram),
      CASE(unfinished_datagrams_are_bounded), CASE(a_missing_fragment_is_reported),
      CASE(datagrams_of_any_size_go_out), CASE(without_help_of_the_device), CASE(through_the_smallest_mtu),
      CASE(checksums_over_odd_parts), CASE(paths_are_learned_and_forgotten), CASE(paths_are_bounded),
      CASE(configurations_are_checked), CASE(any_bytes_are_survived))
