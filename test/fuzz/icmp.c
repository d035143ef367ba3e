/* ICMP and UDP messages: views inside, and the same header after encoding, but for
 * the checksum. */
#include "test/fuzz/fuzz.h"
#include "wire/icmp.h"
#include "wire/udp.h"

static void check_icmp(struct view in)
{
    struct icmp m;
    if (icmp_decode(in, &m) != OK)
        return;
    must(view_inside(m.payload, in) && m.payload.n == in.n - ICMP_HEADER);
    u8 bytes[ICMP_HEADER];
    struct writer w = writer_of(SPAN_OF(bytes));
    icmp_encode(&w, &m);
    must(!w.full && load_be16(written(&w), 0) == load_be16(in, 0));
    must(load_be32(written(&w), 4) == load_be32(in, 4));
}

static void check_udp(struct view in)
{
    struct udp u;
    if (udp_decode(in, &u) != OK)
        return;
    must(view_inside(u.payload, in) && view_inside(u.packet, in));
    must(u.length == u.packet.n && u.payload.n + UDP_HEADER == u.packet.n);
    u8 bytes[UDP_HEADER];
    struct writer w = writer_of(SPAN_OF(bytes));
    udp_encode(&w, &u);
    must(!w.full && view_eq(view_first(written(&w), 6), view_first(in, 6)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    check_icmp((struct view){data, n});
    check_udp((struct view){data, n});
    return 0;
}
