/* Ethernet and ARP frames: what is decoded lies in the frame, and encoding it again
 * gives the same bytes. */
#include "test/fuzz/fuzz.h"
#include "wire/arp.h"
#include "wire/eth.h"

static void check_arp(struct view packet)
{
    struct arp a;
    if (arp_decode(packet, &a) != OK)
        return;
    u8 bytes[ARP_PACKET];
    struct writer w = writer_of(SPAN_OF(bytes));
    arp_encode(&w, &a);
    must(!w.full && view_eq(written(&w), view_first(packet, ARP_PACKET)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    struct eth e;
    check_arp(in);
    if (eth_decode(in, &e) != OK)
        return 0;
    must(view_inside(e.payload, in) && e.payload.n == n - ETH_HEADER);
    u8 bytes[ETH_HEADER], stored[ETH_HEADER];
    struct writer w = writer_of(SPAN_OF(bytes));
    eth_encode(&w, &e);
    eth_store(SPAN_OF(stored), e.dst, e.src, e.type);
    must(view_eq(written(&w), view_first(in, ETH_HEADER)));
    must(view_eq(VIEW_OF(stored), VIEW_OF(bytes)));
    if (e.type == ETH_ARP)
        check_arp(e.payload);
    return 0;
}
