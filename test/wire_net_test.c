/* The codecs of Ethernet, ARP, IPv4, ICMP, UDP and DHCP: known packets, what was
 * encoded decodes to the same, and any bytes are an error or a value, never a trap. */
#include "base/num.h"
#include "base/random.h"
#include "test/test.h"
#include "wire/arp.h"
#include "wire/dhcp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

static struct random chance = {{1, 2, 3, 4}}; /* fixed: a failure comes again */

static u32 random_u32(void)
{
    return (u32)(random_u64(&chance) >> 32);
}

static struct view random_bytes(struct span into)
{
    for (size_t i = 0; i < into.n; i++)
        span_set(into, i, (u8)random_u64(&chance));
    return view_of(into);
}

/* RFC 1071 §3's example, and a plain sum for comparison over every length. */
TEST(sums)
{
    static const u8 example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    static u8 bytes[70000];
    CHECK_EQ(ip_sum_fold(ip_sum(VIEW_OF(example), 0)), 0xddf2);
    CHECK_EQ(ip_sum(VIEW_NONE, 7), 7);
    struct view v = random_bytes(SPAN_OF(bytes));
    for (size_t n = 0; n < 300; n++) {
        u64 plain = 0x1234;
        for (size_t i = 0; i < n; i++)
            plain += (u64)view_at(v, i) << (i & 1 ? 0 : 8);
        while (plain >> 16)
            plain = (plain & 0xffff) + (plain >> 16);
        CHECK_EQ(ip_sum_fold(ip_sum(view_first(v, n), 0x1234)), plain);
    }
    fill(SPAN_OF(bytes), 0xff);
    CHECK_EQ(ip_sum_fold(ip_sum(v, 0xffffffff)), 0xffff);
}

TEST(eth_there_and_back)
{
    u8 frame[64];
    struct eth out, e = {.dst = 0x010203040506, .src = 0xfedcba987654, .type = ETH_ARP};
    struct writer w = writer_of(SPAN_OF(frame));
    eth_encode(&w, &e);
    put_bytes(&w, VIEW("payload"));
    CHECK(eth_decode(written(&w), &out) == OK);
    CHECK(out.dst == e.dst && out.src == e.src && out.type == e.type &&
          view_eq(out.payload, VIEW("payload")));
    CHECK_EQ(span_at(SPAN_OF(frame), 0), 1);
    CHECK(eth_decode(view_first(written(&w), 13), &out) == ERR_MALFORMED);
    CHECK(eth_is_group(ETH_BROADCAST) && eth_is_group(0x01005e000001) && !eth_is_group(0x020000000001));
    struct writer small = writer_of(span_first(SPAN_OF(frame), 13));
    eth_encode(&small, &e);
    CHECK(small.full);
}

TEST(arp_there_and_back)
{
    u8 packet[64];
    struct arp out, a = {ARP_REPLY, 0x020304050607, 0x12131415161a, 0x0a000001, 0xc0000201};
    struct writer w = writer_of(SPAN_OF(packet));
    arp_encode(&w, &a);
    CHECK_EQ(w.n, ARP_PACKET);
    CHECK(arp_decode(written(&w), &out) == OK);
    CHECK(view_eq(VIEW_OF(a), VIEW_OF(out)));
    CHECK(arp_decode(view_first(written(&w), 27), &out) == ERR_MALFORMED);
    for (size_t i = 0; i < 6; i++) {
        span_set(SPAN_OF(packet), i, span_at(SPAN_OF(packet), i) ^ 0x40);
        CHECK(arp_decode(written(&w), &out) == ERR_UNSUPPORTED);
        span_set(SPAN_OF(packet), i, span_at(SPAN_OF(packet), i) ^ 0x40);
    }
}

TEST(ipv4_there_and_back)
{
    for (u32 i = 0; i < 2000; i++) {
        u8 packet[100];
        struct writer w = writer_of(SPAN_OF(packet));
        struct ipv4 out, h = {
                             .tos = (u8)random_u32(),
                             .ttl = (u8)random_u32(),
                             .protocol = (u8)random_u32(),
                             .id = (u16)random_u32(),
                             .dont_fragment = i & 1,
                             .more_fragments = i & 2,
                             .offset = (u16)(random_u32() & 0xfff8),
                             .length = 27,
                             .src = random_u32(),
                             .dst = random_u32(),
                         };
        ipv4_encode(&w, &h);
        put_bytes(&w, VIEW("payload and padding"));
        CHECK(ipv4_decode(written(&w), &out) == OK);
        CHECK(out.tos == h.tos && out.ttl == h.ttl && out.protocol == h.protocol && out.id == h.id);
        CHECK(out.dont_fragment == h.dont_fragment && out.more_fragments == h.more_fragments);
        CHECK(out.offset == h.offset && out.src == h.src && out.dst == h.dst && out.length == 27);
        CHECK(view_eq(out.payload, VIEW("payload")));
        /* Cut short it is no packet, but may be quoted. */
        CHECK(ipv4_decode(view_first(written(&w), 26), &out) == ERR_MALFORMED);
        CHECK(ipv4_decode_quoted(view_first(written(&w), 23), &out) == OK);
        CHECK(view_eq(out.payload, VIEW("pay")));
        CHECK(ipv4_decode_quoted(view_first(written(&w), 19), &out) == ERR_MALFORMED);
        span_set(SPAN_OF(packet), i % 20, span_at(SPAN_OF(packet), i % 20) ^ 1);
        CHECK(ipv4_decode(written(&w), &out) == ERR_MALFORMED); /* one bit of the header */
    }
}

TEST(icmp_and_udp_there_and_back)
{
    u8 packet[64];
    struct icmp m, echo = {.type = ICMP_ECHO, .code = 3, .rest = 0x01020304};
    struct writer w = writer_of(SPAN_OF(packet));
    icmp_encode(&w, &echo);
    put_bytes(&w, VIEW("abc"));
    CHECK(icmp_decode(written(&w), &m) == ERR_MALFORMED); /* not summed yet */
    store_be16(SPAN_OF(packet), ICMP_SUM_OFFSET, (u16)(0xffff - ip_sum_fold(ip_sum(written(&w), 0))));
    CHECK(icmp_decode(written(&w), &m) == OK);
    CHECK(m.type == echo.type && m.code == echo.code && m.rest == echo.rest &&
          view_eq(m.payload, VIEW("abc")));
    CHECK(icmp_decode(view_first(written(&w), 7), &m) == ERR_MALFORMED);

    struct udp u;
    w = writer_of(SPAN_OF(packet));
    udp_encode(&w, &(struct udp){.from = 1, .to = 65535, .length = 11});
    put_bytes(&w, VIEW("abc and padding"));
    CHECK(udp_decode(written(&w), &u) == OK);
    CHECK(u.from == 1 && u.to == 65535 && !u.has_sum && view_eq(u.payload, VIEW("abc")));
    CHECK(udp_decode(view_first(written(&w), 10), &u) == ERR_MALFORMED);
    CHECK(udp_decode(view_first(written(&w), 7), &u) == ERR_MALFORMED);
}

static struct dhcp_message full_message(void)
{
    return (struct dhcp_message){
        .op = DHCP_BOOTREPLY,
        .type = DHCP_ACK,
        .secs = 77,
        .broadcast = true,
        .xid = 0xdeadbeef,
        .ciaddr = 1,
        .yiaddr = 2,
        .chaddr = 0x020000000001,
        .requested = 3,
        .server = 4,
        .mask = 0xffffff00,
        .router = 5,
        .resolvers = {6, 7},
        .lease_s = 3600,
        .t1_s = 1800,
        .t2_s = 3000,
        .hostname = VIEW("pith"),
    };
}

static bool same_message(const struct dhcp_message *a, const struct dhcp_message *b)
{
    struct dhcp_message x = *a, y = *b;
    x.hostname = y.hostname = VIEW_NONE;
    return x.op == y.op && x.type == y.type && x.secs == y.secs && x.broadcast == y.broadcast &&
           x.xid == y.xid && x.ciaddr == y.ciaddr && x.yiaddr == y.yiaddr && x.chaddr == y.chaddr &&
           x.requested == y.requested && x.server == y.server && x.mask == y.mask && x.router == y.router &&
           view_eq(VIEW_OF(x.resolvers), VIEW_OF(y.resolvers)) && x.lease_s == y.lease_s &&
           x.t1_s == y.t1_s && x.t2_s == y.t2_s && view_eq(a->hostname, b->hostname);
}

TEST(dhcp_there_and_back)
{
    u8 packet[DHCP_MESSAGE_MAX];
    struct dhcp_message out, m = full_message();
    struct writer w = writer_of(SPAN_OF(packet));
    dhcp_encode(&w, &m);
    CHECK(!w.full && w.n >= 300);
    CHECK(dhcp_decode(written(&w), &out) == OK);
    CHECK(same_message(&m, &out));
    m.op = DHCP_BOOTREQUEST;
    m.type = DHCP_DISCOVER;
    w = writer_of(SPAN_OF(packet));
    dhcp_encode(&w, &m);
    CHECK(dhcp_decode(written(&w), &out) == OK && same_message(&m, &out));
    CHECK(dhcp_decode(view_first(written(&w), 239), &out) == ERR_MALFORMED);
    span_set(SPAN_OF(packet), 236, 0); /* BOOTP has no magic cookie */
    CHECK(dhcp_decode(written(&w), &out) == ERR_UNSUPPORTED);
}

/* Options in the file and sname fields (RFC 2132 §9.3). */
TEST(dhcp_overloaded)
{
    static const u8 options[] = {53, 1, DHCP_OFFER, 52, 1, 3, 255}, file[] = {1, 4, 255, 255, 0, 0, 255},
                    sname[] = {0, 0, 3, 4, 10, 0, 0, 1, 255};
    u8 packet[300];
    struct dhcp_message out, m = full_message();
    struct writer w = writer_of(SPAN_OF(packet));
    dhcp_encode(&w, &m);
    copy(span_from(SPAN_OF(packet), 240), VIEW_OF(options));
    copy(span_from(SPAN_OF(packet), 108), VIEW_OF(file));
    copy(span_from(SPAN_OF(packet), 44), VIEW_OF(sname));
    CHECK(dhcp_decode(VIEW_OF(packet), &out) == OK);
    CHECK_EQ(out.mask, 0xffff0000);
    CHECK_EQ(out.router, 0x0a000001);
    span_set(SPAN_OF(packet), 109, 200); /* an option longer than its field */
    CHECK(dhcp_decode(VIEW_OF(packet), &out) == ERR_MALFORMED);
}

TEST(any_bytes)
{
    u8 packet[400];
    for (u32 i = 0; i < 200000; i++) {
        struct view v = view_first(VIEW_OF(packet), random_below(&chance, sizeof packet));
        if (i % 16 == 0) {
            struct dhcp_message m = full_message();
            struct writer w = writer_of(SPAN_OF(packet));
            dhcp_encode(&w, &m);
        } else if (i % 16 == 1) {
            (void)random_bytes(SPAN_OF(packet));
        }
        span_set(SPAN_OF(packet), random_below(&chance, sizeof packet), (u8)random_u64(&chance));
        struct eth e;
        struct arp a;
        struct ipv4 h;
        struct icmp c;
        struct udp u;
        struct dhcp_message m;
        bool ok = eth_decode(v, &e) == OK;
        ok |= arp_decode(v, &a) == OK;
        ok |= ipv4_decode(v, &h) == OK;
        if (ipv4_decode_quoted(v, &h) == OK)
            CHECK(h.header.n >= IPV4_HEADER && h.header.n + h.payload.n <= v.n);
        ok |= icmp_decode(v, &c) == OK;
        if (udp_decode(v, &u) == OK)
            CHECK(u.packet.n <= v.n && u.payload.n == u.packet.n - UDP_HEADER);
        ok |= dhcp_decode(v, &m) == OK;
        CHECK(ok || v.n < ETH_HEADER);
    }
}

TESTS(CASE(sums), CASE(eth_there_and_back), CASE(arp_there_and_back), CASE(ipv4_there_and_back),
      CASE(icmp_and_udp_there_and_back), CASE(dhcp_there_and_back), CASE(dhcp_overloaded), CASE(any_bytes))
