/* Builds packets for the image in fuzz.frame, and lets them suffer what the script
 * asked for: fragments, changed bytes, offload words, a second copy, a later arrival. */
#include <string.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "wire/eth.h"
#include "wire/ip_sum.h"
#include "wire/ipv4.h"

enum { AT_IP = ETH_HEADER, AT_PAYLOAD = ETH_HEADER + IPV4_HEADER, PROTO_ICMP = 1, FRAGMENTS_MAX = 40 };

u64 fuzz_mac_of(u32 ip)
{
    return 0x020000000100ull | ((ip >> 8) == (FUZZ_PEER >> 8) ? ip & 0xff : FUZZ_GATEWAY & 0xff);
}

struct span fuzz_room(size_t n)
{
    must(n <= FUZZ_FRAME_MAX - AT_PAYLOAD);
    return span_sub(SPAN_OF(fuzz.frame), AT_PAYLOAD, n);
}

/* ---- what happens on the way ------------------------------------------------------- */

static void mend_sums(struct span frame)
{
    if (frame.n < AT_PAYLOAD || load_be16(view_of(frame), 12) != ETH_IPV4)
        return;
    struct span ip = span_from(frame, AT_IP);
    size_t header = (size_t)(span_at(ip, 0) & 15) * 4;
    if (header < IPV4_HEADER || header > ip.n)
        return;
    store_be16(ip, 10, 0);
    store_be16(ip, 10, (u16)~ip_sum_fold(ip_sum(view_of(span_first(ip, header)), 0)));
}

static void edit(struct span frame)
{
    struct fuzz_spoil *s = &fuzz.spoil;
    for (size_t i = 0; i < s->edits_n && frame.n > 0; i++) {
        size_t at = AT(s->edits, i).at % frame.n;
        span_set(frame, at, span_at(frame, at) ^ AT(s->edits, i).mask);
    }
    if (s->mend)
        mend_sums(frame);
}

static void put_on_the_way(struct span frame)
{
    struct fuzz_spoil s = fuzz.spoil;
    edit(frame);
    struct host_offload o = s.set_offload ? s.offload : (struct host_offload){0};
    fuzz.spoil = (struct fuzz_spoil){.fragment_bytes = s.fragment_bytes, .fragment_how = s.fragment_how};
    if (s.hold) {
        memcpy(fuzz.held, frame.p, frame.n);
        fuzz.held_frame = (struct fuzz_frame){.n = (u32)frame.n, .offload = o};
        return;
    }
    fuzz_queue(view_of(frame), o);
    if (s.twice)
        fuzz_queue(view_of(frame), o);
    if (fuzz.held_frame.n > 0)
        fuzz_queue(view_first(VIEW_OF(fuzz.held), fuzz.held_frame.n), fuzz.held_frame.offload);
    fuzz.held_frame.n = 0;
}

void fuzz_send_eth(u16 type, size_t n)
{
    eth_store(SPAN_OF(fuzz.frame), FUZZ_MAC, fuzz_mac_of(FUZZ_PEER), type);
    put_on_the_way(span_first(SPAN_OF(fuzz.frame), ETH_HEADER + n));
}

/* ---- IP ---------------------------------------------------------------------------- */

/* One piece of a packet: its bytes are moved to where a frame has them. */
static void send_piece(const struct ipv4 *whole, struct view payload, size_t from, size_t n, bool more)
{
    static u8 piece[FUZZ_FRAME_MAX];
    struct ipv4 h = *whole;
    h.length = (u16)MIN(IPV4_HEADER + n, (size_t)IPV4_PACKET_MAX);
    h.offset = (u16)(from & 0xfff8);
    h.more_fragments = more;
    struct span frame = span_first(SPAN_OF(piece), AT_PAYLOAD + n);
    eth_store(frame, whole->dst == UINT32_MAX ? ETH_BROADCAST : FUZZ_MAC, fuzz_mac_of(whole->src), ETH_IPV4);
    ipv4_store(span_sub(frame, AT_IP, IPV4_HEADER), &h);
    copy(span_from(frame, AT_PAYLOAD), view_sub(payload, from, n));
    put_on_the_way(frame);
}

/* In order, backwards, with pieces that overlap, one left out, or one twice. */
static void send_fragments(const struct ipv4 *h, struct view payload, size_t size, u8 how)
{
    size_t count = MIN((payload.n + size - 1) / size, (size_t)FRAGMENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t index = how & 1 ? count - 1 - i : i, from = index * size;
        size_t n = MIN(size + (how & 2 ? 8 : 0), payload.n - from);
        if ((how & 4) && index == (size_t)(how >> 4) % count)
            continue;
        send_piece(h, payload, from, n, from + n < payload.n);
        if ((how & 8) && index == (size_t)(how >> 4) % count)
            send_piece(h, payload, from, n, from + n < payload.n);
    }
}

void fuzz_send_ip(u32 from, u32 to, u8 protocol, size_t n, size_t sum_at)
{
    struct span payload = fuzz_room(n);
    fuzz.ip_id = (u16)((fuzz.ip_id + 1) & 0x7fff);
    if (sum_at > 0) {
        u32 pseudo = (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + protocol + (u32)n;
        bool partial = fuzz.spoil.set_offload && fuzz.spoil.offload.flags & 1;
        store_be16(payload, sum_at, 0);
        u16 sum =
            ip_sum_fold(ip_sum(partial ? VIEW_NONE : view_of(payload), protocol == PROTO_ICMP ? 0 : pseudo));
        store_be16(payload, sum_at, fuzz.spoil.bad_sum ? sum : partial ? sum : (u16)~sum);
    }
    struct ipv4 h = {.ttl = 64, .protocol = protocol, .src = from, .dst = to, .id = fuzz.ip_id};
    size_t size = fuzz.spoil.fragment_bytes;
    u8 how = fuzz.spoil.fragment_how;
    fuzz.spoil.fragment_bytes = 0;
    if (size >= 8 && size < n)
        send_fragments(&h, view_of(payload), size & ~(size_t)7, how);
    else
        send_piece(&h, view_of(payload), 0, n, false);
}
