#include "wire/tcp.h"

#include "base/num.h"

enum option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_SCALE = 3,
    OPTION_SACK_OK = 4,
    OPTION_SACK = 5,
    OPTION_TIME = 8
};

/*@ requires \valid(o) && inside(body); assigns o->sack_n, o->sack[0 .. TCP_SACK_MAX - 1];
    ensures tcp_options_ok(o); */
static void decode_sack(struct tcp_options *o, struct reader body)
{
    o->sack_n = to_u8(MIN(body.rest.n / 8, (size_t)TCP_SACK_MAX));
    /*@ loop invariant 0 <= i <= o->sack_n && inside(body) && tcp_options_ok(o);
        loop assigns i, body, o->sack[0 .. TCP_SACK_MAX - 1]; loop variant o->sack_n - i; */
    for (size_t i = 0; i < o->sack_n; i++) {
        AT(o->sack, i).from = get_be32(&body);
        AT(o->sack, i).to = get_be32(&body);
    }
}

/*@ requires \valid(o) && tcp_options_ok(o) && inside(body); assigns *o; ensures tcp_options_ok(o); */
static void decode_option(struct tcp_options *o, u8 kind, struct reader body)
{
    size_t n = body.rest.n;
    switch (kind) {
    case OPTION_MSS:
        if (n == 2)
            o->mss = get_be16(&body);
        break;
    case OPTION_SCALE:
        if (n == 1)
            o->scale = (u8)MIN(get_u8(&body), (u8)TCP_SCALE_MAX);
        break;
    case OPTION_SACK_OK:
        o->sack_permitted = n == 0;
        break;
    case OPTION_SACK:
        if (n > 0 && n % 8 == 0)
            decode_sack(o, body);
        break;
    case OPTION_TIME:
        if (n == 8) {
            o->has_time = true;
            o->time = get_be32(&body);
            o->time_echo = get_be32(&body);
        }
        break;
    default:
        break;
    }
}

/*@ requires \valid(o) && tcp_options_ok(o) && readable(bytes); assigns *o;
    ensures tcp_options_ok(o); */
static enum err decode_options(struct tcp_options *o, struct view bytes)
{
    /* Nearly every segment has timestamps alone, laid out as RFC 7323 appendix A says. */
    if (likely(bytes.n == TCP_OPTION_TIME_SIZE && load_be32(bytes, 0) == 0x0101080a)) {
        o->has_time = true;
        o->time = load_be32(bytes, 4);
        o->time_echo = load_be32(bytes, 8);
        return OK;
    }
    struct reader r = reader_of(bytes);
    /*@ loop invariant !r.bad && inside(r) && tcp_options_ok(o); loop assigns r, *o; loop variant r.rest.n; */
    while (r.rest.n > 0) {
        u8 kind = get_u8(&r);
        if (kind == OPTION_END)
            break;
        if (kind == OPTION_NOP)
            continue;
        u8 size = get_u8(&r);
        if (size < 2)
            return ERR_MALFORMED;
        struct view body = get_bytes(&r, (size_t)size - 2);
        if (r.bad)
            return ERR_MALFORMED;
        decode_option(o, kind, reader_of(body));
    }
    return OK;
}

enum err tcp_decode(struct tcp_segment *out, struct view packet)
{
    if (packet.n < TCP_HEADER_MIN)
        return ERR_MALFORMED;
    struct view head = view_first(packet, TCP_HEADER_MIN);
    u16 word = load_be16(head, 12);
    size_t size = (size_t)(word >> 12) * 4;
    if (size < TCP_HEADER_MIN || size > packet.n)
        return ERR_MALFORMED;
    out->from_port = load_be16(head, 0);
    out->to_port = load_be16(head, 2);
    out->seq = load_be32(head, 4);
    out->ack = load_be32(head, 8);
    out->flags = (u8)(word & 0x3f);
    out->window = load_be16(head, 14);
    out->options.mss = 0;
    out->options.scale = TCP_SCALE_NONE;
    out->options.sack_permitted = false;
    out->options.has_time = false;
    out->options.sack_n = 0;
    out->payload = view_from(packet, size);
    if (size == TCP_HEADER_MIN)
        return OK;
    return decode_options(&out->options, view_sub(packet, TCP_HEADER_MIN, size - TCP_HEADER_MIN));
}

size_t tcp_header_size(const struct tcp_options *o, u8 flags)
{
    size_t n = TCP_HEADER_MIN;
    if (flags & TCP_SYN)
        n += (o->mss ? 4u : 0u) + (o->scale != TCP_SCALE_NONE ? 4u : 0u) + (o->sack_permitted ? 4u : 0u);
    n += o->has_time ? TCP_OPTION_TIME_SIZE : 0u;
    n += o->sack_n ? 4 + 8 * (size_t)o->sack_n : 0;
    return n;
}

/* Each option is padded in front to a multiple of four, so that its words are aligned. */
static void encode_options(struct writer *w, const struct tcp_options *o, u8 flags)
{
    if (flags & TCP_SYN && o->mss) {
        put_be16(w, OPTION_MSS << 8 | 4);
        put_be16(w, o->mss);
    }
    if (flags & TCP_SYN && o->sack_permitted)
        put_be32(w, OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_SACK_OK << 8 | 2);
    if (o->has_time) {
        put_be32(w, OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_TIME << 8 | 10);
        put_be32(w, o->time);
        put_be32(w, o->time_echo);
    }
    if (flags & TCP_SYN && o->scale != TCP_SCALE_NONE)
        put_be32(w, OPTION_NOP << 24 | OPTION_SCALE << 16 | 3 << 8 | (u32)o->scale);
    if (o->sack_n) {
        put_be32(w, OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_SACK << 8 | (2 + 8 * (u32)o->sack_n));
        for (size_t i = 0; i < o->sack_n; i++) {
            put_be32(w, AT(o->sack, i).from);
            put_be32(w, AT(o->sack, i).to);
        }
    }
}

void tcp_encode(struct span out, const struct tcp_segment *s)
{
    tcp_encode_plain(out, (u32)s->from_port << 16 | s->to_port, s->seq, s->ack, s->flags, s->window);
    struct writer w = writer_of(span_from(out, TCP_HEADER_MIN));
    encode_options(&w, &s->options, s->flags);
    must(!w.full && w.n == w.out.n);
}
