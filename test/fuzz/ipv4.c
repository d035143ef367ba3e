/* IPv4 headers. The checksum of each input is put right first, since no mutation
 * would guess it; the first byte says whether it is. A header without options that
 * was accepted encodes to the same bytes. */
#include "test/fuzz/fuzz.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"

static void mend(struct span packet)
{
    size_t header = (size_t)(span_at(packet, 0) & 15) * 4;
    if (packet.n < IPV4_HEADER || header > packet.n)
        return;
    store_be16(packet, 10, 0);
    store_be16(packet, 10, (u16)~ip_sum_fold(ip_sum(view_of(span_first(packet, header)), 0)));
}

static void check(struct view packet, const struct ipv4 *h)
{
    must(view_inside(h->header, packet) && view_inside(h->payload, packet));
    must(h->header.n >= IPV4_HEADER && h->header.n <= IPV4_HEADER_MAX && h->header.n % 4 == 0);
    must(h->offset % 8 == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static u8 room[2048];
    if (n < 2 || n > sizeof room)
        return 0;
    struct span copied = span_first(SPAN_OF(room), n - 1);
    copy(copied, view_from((struct view){data, n}, 1));
    if (data[0] & 1)
        mend(copied);
    struct view in = view_of(copied);
    struct ipv4 h;
    if (ipv4_decode_quoted(in, &h) == OK)
        check(in, &h);
    if (ipv4_decode(in, &h) != OK)
        return 0;
    check(in, &h);
    must(h.header.n + h.payload.n == h.length);
    if (h.header.n != IPV4_HEADER || (load_be16(in, 6) & 0x8000) != 0)
        return 0;
    if (load_be16(in, 10) == 0xffff) /* holds wherever 0 does, which is what the encoder writes (RFC 1624) */
        store_be16(copied, 10, 0);
    u8 bytes[IPV4_HEADER], stored[IPV4_HEADER];
    struct writer w = writer_of(SPAN_OF(bytes));
    ipv4_encode(&w, &h);
    ipv4_store(SPAN_OF(stored), &h);
    must(view_eq(written(&w), h.header) && view_eq(VIEW_OF(stored), h.header));
    return 0;
}
