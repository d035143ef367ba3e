/* DHCP messages: what was decoded, encoded and decoded again, is the same. */
#include "test/fuzz/fuzz.h"
#include "wire/dhcp.h"

static bool same(const struct dhcp_message *a, const struct dhcp_message *b)
{
    return a->op == b->op && a->type == b->type && a->secs == b->secs && a->broadcast == b->broadcast &&
           a->xid == b->xid && a->ciaddr == b->ciaddr && a->yiaddr == b->yiaddr && a->chaddr == b->chaddr &&
           a->requested == b->requested && a->server == b->server && a->mask == b->mask &&
           a->router == b->router && a->lease_s == b->lease_s && a->t1_s == b->t1_s && a->t2_s == b->t2_s &&
           view_eq(a->hostname, b->hostname);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    struct dhcp_message m, again;
    if (dhcp_decode(in, &m) != OK)
        return 0;
    must(m.type != 0 && view_inside(m.hostname, in));
    u8 bytes[1024];
    struct writer w = writer_of(SPAN_OF(bytes));
    dhcp_encode(&w, &m);
    must(!w.full && dhcp_decode(written(&w), &again) == OK);
    must(same(&m, &again));
    return 0;
}
