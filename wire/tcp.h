/* TCP segments (RFC 9293 §3.1) with the options that Pith speaks: maximum segment
 * size, window scale and timestamps (RFC 7323), selective acknowledgements
 * (RFC 2018). Pure: one decoder, one encoder; views point into the decoded bytes.
 * Checksums are the affair of whoever knows the addresses (net/ip.h). */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include "base/codec.h"

enum tcp_flags {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PSH = 8,
    TCP_ACK = 16,
    TCP_URG = 32,
};

enum {
    TCP_HEADER_MIN = 20,
    TCP_CSUM_OFFSET = 16,
    TCP_SACK_MAX = 4,         /* ranges in one segment; 3 beside timestamps */
    TCP_SCALE_NONE = 255,
    TCP_SCALE_MAX = 14,       /* RFC 7323 §2.3 */
    TCP_OPTION_TIME_SIZE = 12, /* with its padding */
};

/* Sequence numbers [from, to). */
struct tcp_range {
    u32 from, to;
};

struct tcp_options {
    u16 mss;             /* 0: not given */
    u8 scale;            /* TCP_SCALE_NONE: not given; a larger one than 14 reads as 14 */
    bool sack_permitted;
    bool has_time;
    u8 sack_n;
    u32 time, time_echo; /* TSval, TSecr */
    struct tcp_range sack[TCP_SACK_MAX];
};

struct tcp_segment {
    u16 from_port, to_port;
    u32 seq, ack;
    u16 window;          /* as on the wire, not scaled */
    u8 flags;            /* enum tcp_flags */
    struct tcp_options options;
    struct view payload;
};

/*@ predicate tcp_options_ok(struct tcp_options *o) = o->sack_n <= TCP_SACK_MAX; */

/* ERR_MALFORMED: shorter than its header, or an option that ends beyond it. Unknown
 * options are skipped, as are known ones of a wrong length (RFC 9293 §3.2). */
/*@ requires readable(packet) && \valid(out) && \separated(out, packet.p + (0 .. packet.n - 1));
    assigns *out; ensures \result == OK ==> tcp_options_ok(&out->options) &&
    out->payload.n + TCP_HEADER_MIN <= packet.n &&
        part(out->payload, packet, packet.n - out->payload.n, out->payload.n); */
enum err tcp_decode(struct tcp_segment *out, struct view packet);

/* Bytes of the header that tcp_encode writes for these options: a multiple of four. */
/*@ requires \valid_read(o) && tcp_options_ok(o); assigns \nothing;
    ensures TCP_HEADER_MIN <= \result <= TCP_HEADER_MIN + 60 && \result % 4 == 0; */
size_t tcp_header_size(const struct tcp_options *o, u8 flags);

/* Writes the header into `out`, which is exactly tcp_header_size long. MSS, scale
 * and SACK-permitted are written only with TCP_SYN. The checksum is left zero. */
void tcp_encode(struct span out, const struct tcp_segment *s);

/* The header of an established connection's segment, with or without timestamps:
 * what tcp_encode writes for it, on the shortest way. */
/*@ requires TCP_HEADER_MIN <= out.n <= 80 && writable(out); assigns out.p[0 .. TCP_HEADER_MIN - 1]; */
static inline void tcp_encode_plain(struct span out, u32 ports, u32 seq, u32 ack, u8 flags, u16 window)
{
    store_be32(out, 0, ports);
    store_be32(out, 4, seq);
    store_be32(out, 8, ack);
    store_be16(out, 12, (u16)((u16)(out.n << 10) | flags));
    store_be16(out, 14, window);
    store_be32(out, 16, 0);
}

/*@ requires TCP_HEADER_MIN + TCP_OPTION_TIME_SIZE <= out.n && writable(out);
    assigns out.p[TCP_HEADER_MIN .. TCP_HEADER_MIN + TCP_OPTION_TIME_SIZE - 1]; */
static inline void tcp_encode_time(struct span out, u32 time, u32 echo)
{
    store_be32(out, TCP_HEADER_MIN, 0x0101080a);
    store_be32(out, TCP_HEADER_MIN + 4, time);
    store_be32(out, TCP_HEADER_MIN + 8, echo);
}

#endif
