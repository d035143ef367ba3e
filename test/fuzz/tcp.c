/* TCP segments: what was decoded, encoded and decoded again, is the same. */
#include "test/fuzz/fuzz.h"
#include "wire/tcp.h"

static bool same_options(const struct tcp_options *a, const struct tcp_options *b)
{
    bool same = a->mss == b->mss && a->scale == b->scale && a->sack_permitted == b->sack_permitted &&
                a->has_time == b->has_time && a->sack_n == b->sack_n;
    if (a->has_time)
        same = same && a->time == b->time && a->time_echo == b->time_echo;
    for (size_t i = 0; same && i < a->sack_n; i++)
        same = AT(a->sack, i).from == AT(b->sack, i).from && AT(a->sack, i).to == AT(b->sack, i).to;
    return same;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    struct tcp_segment s, again;
    if (tcp_decode(&s, in) != OK)
        return 0;
    must(view_inside(s.payload, in) && s.payload.n <= n - TCP_HEADER_MIN);
    must(s.options.sack_n <= TCP_SACK_MAX);
    if (!(s.flags & TCP_SYN)) {
        s.options.mss = 0;
        s.options.scale = TCP_SCALE_NONE;
        s.options.sack_permitted = false;
    }
    size_t size = tcp_header_size(&s.options, s.flags);
    must(size >= TCP_HEADER_MIN && size % 4 == 0);
    u8 bytes[60];
    if (size > sizeof bytes)
        return 0; /* fitted only because it was not padded */
    struct span out = span_first(SPAN_OF(bytes), size);
    tcp_encode(out, &s);
    must(tcp_decode(&again, view_of(out)) == OK);
    must(again.from_port == s.from_port && again.to_port == s.to_port && again.seq == s.seq);
    must(again.ack == s.ack && again.window == s.window && again.flags == s.flags);
    must(same_options(&s.options, &again.options) && again.payload.n == 0);
    return 0;
}
