/* The steps of a script. Each is a byte that says which, a byte n, and n bytes for it
 * (what is missing counts as zero), so that a mutation can take, double or move whole
 * steps and never makes nonsense of those behind. test/fuzz/seeds.py writes some. */
#include <string.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "sig/net.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { STEPS_MAX = 500, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, TEXT_MAX = 4096, SUPER_MAX = 65000 };

static struct fuzz_flow *flow_at(u8 number)
{
    return &AT(fuzz.flows, number % FUZZ_FLOWS);
}

/* Mostly x itself; else near it, or anything. */
static u32 near(struct reader *r, u32 x)
{
    u8 how = get_u8(r);
    if (how < 160)
        return x;
    return how < 250 ? wrap_add32(x, (u32)(i32)(i8)get_u8(r)) : wrap_add32(x, get_be32(r));
}

/* Words that sessions are made of: a byte from 0x80 on stands for one. */
static const char *const words[] = {
    "GET ",
    "POST ",
    "HEAD ",
    "PUT ",
    "/ ",
    "/hello/x",
    "/echo",
    "/index.html",
    "/a.txt",
    "/dir",
    "/dir/",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: a\r\n",
    "\r\n",
    "\r\n\r\n",
    "Content-Length: ",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Expect: 100-continue\r\n",
    "Range: bytes=",
    "Range: bytes=0-0,2-3,-2\r\n",
    "If-None-Match: *\r\n",
    "If-None-Match: \"",
    "If-Modified-Since: Sun, 06 Nov 2033 08:49:37 GMT\r\n",
    "If-Range: \"x\"\r\n",
    "Accept-Encoding: gzip\r\n",
    "Accept-Encoding: gzip;q=0, identity;q=0\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 204 No Content\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.1 101 x\r\n",
    "hello",
    "?q=1&r=%41+b",
    "%2e%2e/",
    "X: y\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\n",
    "Trailer: T\r\n",
    "T: v\r\n",
    "ffffffffffffffff\r\n",
    "18446744073709551616\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "http://a/",
    "TE: trailers\r\n",
    "Content-Type: text/plain\r\n",
    "If-Match: \"x\"\r\n",
    "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "; x=\"y\"",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ",",
    "\"",
    "\t",
    " ",
    "Upgrade: h2c\r\n",
};

static struct view text_of(struct reader *r)
{
    static u8 room[TEXT_MAX];
    struct writer w = writer_of(SPAN_OF(room));
    while (r->rest.n > 0 && !r->bad) {
        u8 byte = get_u8(r);
        if (byte >= 0x80)
            put_bytes(&w, view_z(words[(byte & 0x7f) % COUNT(words)]));
        else
            put_u8(&w, byte);
    }
    return written(&w);
}

/* ---- TCP --------------------------------------------------------------------------- */

static void step_connect(struct reader *r)
{
    u8 which = get_u8(r);
    u32 from = which & 64 ? FUZZ_FAR : (u32)FUZZ_PEER + (which >> 4 & 3) * 2;
    struct fuzz_flow *f = flow_at(which % (FUZZ_FLOWS / 2));
    u16 before = f->port, next = fuzz.next_port;
    bool again = which & 128 && before != 0;
    fuzz.next_port = again ? before : next; /* the port of the connection before: TIME_WAIT is met */
    fuzz_flow_connect(f, from, get_u8(r));
    fuzz.next_port = again ? next : fuzz.next_port;
}

/* Data in order, in segments of `piece` bytes (0: as large as they fit). */
static void say(struct fuzz_flow *f, u8 piece, struct view text)
{
    if (!f->used)
        return;
    size_t most = MIN((size_t)fuzz.mtu - 60, piece > 0 ? piece : (size_t)FUZZ_FRAME_MAX);
    while (text.n > 0) {
        struct view part = view_first(text, MIN(text.n, most));
        text = view_from(text, part.n);
        fuzz_flow_segment(f, text.n > 0 ? TCP_ACK : TCP_ACK | TCP_PSH, part);
    }
}

static void step_say(struct reader *r)
{
    struct fuzz_flow *f = flow_at(get_u8(r));
    u8 piece = get_u8(r);
    say(f, piece, text_of(r));
}

static void step_say_bytes(struct reader *r)
{
    struct fuzz_flow *f = flow_at(get_u8(r));
    u8 piece = get_u8(r);
    say(f, piece, r->rest);
}

/* Much in order: many segments, or a super-frame where the device hands those up. */
static void step_bulk(struct reader *r)
{
    static u8 bulk[SUPER_MAX];
    struct fuzz_flow *f = flow_at(get_u8(r));
    size_t n = MIN((size_t)get_be16(r), sizeof bulk);
    u8 how = get_u8(r);
    struct view word = text_of(r);
    if (!f->used || n == 0)
        return;
    size_t filled = word.n > 0 ? MIN(word.n, n) : 1;
    memcpy(bulk, word.n > 0 ? word.p : (const u8 *)"x", filled);
    for (size_t more; filled < n; filled += more) {
        more = MIN(filled, n - filled);
        memcpy(bulk + filled, bulk, more);
    }
    struct view text = view_first(VIEW_OF(bulk), n);
    if (!(how & 1) || !(fuzz.features & NET_TSO4)) {
        say(f, how & 2 ? 200 : 0, view_first(text, MIN(n, (size_t)16384)));
        return;
    }
    u16 head = (u16)(ETH_HEADER + IPV4_HEADER + TCP_HEADER_MIN + (f->has_time ? TCP_OPTION_TIME_SIZE : 0));
    fuzz.spoil.set_offload = true;
    fuzz.spoil.offload = (struct host_offload){.flags = NET_NEEDS_CSUM,
                                               .gso = NET_GSO_TCP4,
                                               .hdr_len = how & 4 ? 0 : head,
                                               .gso_size = 1448,
                                               .csum_start = ETH_HEADER + IPV4_HEADER,
                                               .csum_offset = TCP_CSUM_OFFSET};
    fuzz_flow_segment(f, TCP_ACK | TCP_PSH, text);
}

static struct tcp_options options_of(struct reader *r, const struct fuzz_flow *f)
{
    u8 which = get_u8(r);
    struct tcp_options o = {.scale = which & 1 ? get_u8(r) % 15 : TCP_SCALE_NONE,
                            .sack_permitted = which & 2,
                            .mss = which & 4 ? get_be16(r) : 0,
                            .has_time = which & 8 ? !f->has_time : f->has_time};
    o.time = o.has_time ? near(r, (u32)(fuzz.now / NS_PER_MS & UINT32_MAX)) : 0;
    o.time_echo = o.has_time ? near(r, f->time_echo) : 0;
    o.sack_n = which & 16 ? 1 + (which >> 5) % 3 : 0;
    for (size_t i = 0; i < o.sack_n; i++) {
        AT(o.sack, i).from = wrap_add32(f->ack, get_be16(r));
        AT(o.sack, i).to = wrap_add32(AT(o.sack, i).from, get_be16(r));
    }
    return o;
}

/* Any segment near a connection: flags, numbers, window, options, data as the script has them. */
static void step_segment(struct reader *r)
{
    struct fuzz_flow *f = flow_at(get_u8(r));
    u8 flags = get_u8(r), which = get_u8(r);
    struct tcp_segment s = {
        .from_port = f->port, .to_port = f->image_port, .flags = flags, .window = f->window};
    if (!f->used)
        s.from_port = get_be16(r), s.to_port = fuzz.port;
    if (which & 1)
        s.window = get_be16(r);
    s.seq = near(r, f->seq);
    s.ack = near(r, f->ack);
    s.options = which & 2 ? options_of(r, f) : (struct tcp_options){.scale = TCP_SCALE_NONE};
    if (!(which & 2) && f->has_time) {
        s.options.has_time = true;
        s.options.time = (u32)(fuzz.now / NS_PER_MS & UINT32_MAX);
        s.options.time_echo = f->time_echo;
    }
    size_t head = tcp_header_size(&s.options, flags);
    if (head > 60)
        return;
    struct view text = which & 4 ? text_of(r) : VIEW_NONE;
    struct span room = fuzz_room(head + text.n);
    tcp_encode(span_first(room, head), &s);
    copy(span_from(room, head), text);
    fuzz_send_ip(f->used ? f->ip : FUZZ_PEER, fuzz.ip, PROTO_TCP, room.n, TCP_CSUM_OFFSET);
    if (which & 8 && s.seq == f->seq)
        f->seq = wrap_add32(f->seq, (u32)text.n + !!(flags & TCP_SYN) + !!(flags & TCP_FIN));
}

/* How a connection goes on: its window, whether it acknowledges, its end. */
static void step_flow(struct reader *r)
{
    static const u16 windows[4] = {65535, 0, 1, 1000};
    struct fuzz_flow *f = flow_at(get_u8(r));
    u8 how = get_u8(r);
    if (!f->used)
        return;
    f->silent = how & 1;
    f->window = AT(windows, how >> 1 & 3);
    f->owes_ack |= how & 8;
    if (how & 16)
        fuzz_flow_segment(f, TCP_FIN | TCP_ACK, VIEW_NONE);
    if (how & 32) {
        fuzz_flow_segment(f, TCP_RST | TCP_ACK, VIEW_NONE);
        f->open = f->opening = false;
    }
    if (how & 64) /* forgotten without a word */
        f->used = false;
}

/* ---- other protocols --------------------------------------------------------------- */

static void step_udp(struct reader *r)
{
    u8 which = get_u8(r);
    u16 from = which & 2 ? get_be16(r) : 4000, to = which & 1 ? get_be16(r) : fuzz.port;
    size_t repeat = which & 4 ? 1 + get_u8(r) * 8u : 1;
    struct view text = text_of(r);
    repeat = MIN(repeat, text.n > 0 ? 60000 / text.n : 1);
    size_t n = UDP_HEADER + text.n * repeat;
    struct writer w = writer_of(fuzz_room(n));
    udp_encode(&w, &(struct udp){.from = from, .to = to, .length = (u16)n});
    for (size_t i = 0; i < repeat; i++)
        put_bytes(&w, text);
    fuzz_send_ip(which & 8 ? FUZZ_FAR : FUZZ_PEER, which & 16 ? UINT32_MAX : fuzz.ip, PROTO_UDP, n,
                 which & 32 ? 0 : UDP_SUM_OFFSET);
}

/* An error about the image's last packet, or an echo request. */
static void step_icmp(struct reader *r)
{
    u8 type = get_u8(r), code = get_u8(r);
    struct icmp m = {.type = type & 0x80 ? ICMP_UNREACHABLE : type % 16,
                     .code = type & 0x80 ? ICMP_TOO_BIG : code % 16,
                     .rest = get_be16(r)};
    struct view quoted = view_first(VIEW_OF(fuzz.last_sent), fuzz.last_sent_n);
    if (m.type == ICMP_ECHO || type & 0x40)
        quoted = r->rest;
    size_t n = ICMP_HEADER + quoted.n;
    struct writer w = writer_of(fuzz_room(n));
    icmp_encode(&w, &m);
    put_bytes(&w, quoted);
    fuzz_send_ip(code & 0x80 ? FUZZ_FAR : FUZZ_PEER, fuzz.ip, PROTO_ICMP, n, ICMP_SUM_OFFSET);
}

static void step_arp(struct reader *r)
{
    u8 what = get_u8(r), who = get_u8(r);
    struct arp a = {.op = what & 2 ? ARP_REPLY : ARP_REQUEST,
                    .sender_mac = fuzz_mac_of(FUZZ_PEER + who % 8),
                    .sender_ip = what & 4 ? fuzz.ip : (u32)FUZZ_PEER + (who >> 4),
                    .target_ip = what & 8 ? FUZZ_PEER : fuzz.ip};
    if (what & 4) /* somebody else has the image's address: it may give it up */
        fuzz.friendly = false;
    fuzz.mute_arp = what & 16;
    struct writer w = writer_of(span_sub(SPAN_OF(fuzz.frame), ETH_HEADER, ARP_PACKET));
    arp_encode(&w, &a);
    fuzz_send_eth(ETH_ARP, ARP_PACKET);
}

/* An answer to the image's last DHCP message: any type and times, mostly sensible. */
static void step_dhcp(struct reader *r)
{
    u8 type = get_u8(r), which = get_u8(r);
    struct dhcp_message m = {.op = DHCP_BOOTREPLY,
                             .type = 1 + type % 8,
                             .xid = type & 0x80 ? get_be32(r) : fuzz.dhcp_xid,
                             .chaddr = FUZZ_MAC,
                             .yiaddr = which & 8 ? get_be32(r) : FUZZ_IP,
                             .server = which & 32 ? get_be32(r) : FUZZ_GATEWAY,
                             .router = which & 64 ? get_be32(r) : FUZZ_GATEWAY,
                             .mask = which & 16 ? get_be32(r) : 0xffffff00,
                             .lease_s = which & 1 ? get_be32(r) : 60,
                             .t1_s = which & 2 ? get_be32(r) : 0,
                             .t2_s = which & 4 ? get_be32(r) : 0};
    fuzz.friendly = false;
    fuzz.mute_dhcp = which & 128;
    fuzz_dhcp_answer(&m);
}

static void step_raw(struct reader *r)
{
    struct view bytes = r->rest;
    if (bytes.n < ETH_HEADER)
        return;
    copy(SPAN_OF(fuzz.frame), bytes);
    fuzz_send_eth(load_be16(bytes, 12), bytes.n - ETH_HEADER);
}

/* ---- the way, the device, the clocks ----------------------------------------------- */

static void step_spoil(struct reader *r)
{
    struct fuzz_spoil *s = &fuzz.spoil;
    u8 how = get_u8(r);
    s->twice = how & 1;
    s->hold = how & 2;
    s->bad_sum = how & 4;
    s->mend = how & 8;
    if (how & 16) {
        s->fragment_bytes = (u16)(8 + get_u8(r) * 8u);
        s->fragment_how = get_u8(r);
    }
    s->edits_n = 0;
    while (r->rest.n >= 3 && s->edits_n < COUNT(s->edits)) {
        AT(s->edits, s->edits_n).at = get_be16(r);
        AT(s->edits, s->edits_n).mask = get_u8(r);
        s->edits_n++;
    }
}

/* What the device says of the next frame: right, odd, or nonsense. */
static void step_offload(struct reader *r)
{
    u8 how = get_u8(r);
    struct host_offload o = {.flags = how & 3, .gso = how >> 2 & 7};
    o.csum_start = how & 32 ? get_be16(r) : ETH_HEADER + IPV4_HEADER;
    o.csum_offset = how & 64 ? get_be16(r) : TCP_CSUM_OFFSET;
    o.gso_size = get_be16(r);
    o.hdr_len = get_be16(r);
    o.buffers = how >> 7;
    fuzz.spoil.set_offload = true;
    fuzz.spoil.offload = o;
}

static void step_device(struct reader *r)
{
    fuzz.full_for = get_u8(r);
    fuzz.lie = get_u8(r);
    fuzz.mute_dial = get_u8(r) & 1;
}

/* 2 us to 9 hours; or a clock that jumps: the machine was suspended, the date was set. */
static void step_wait(struct reader *r)
{
    u8 how = get_u8(r);
    if (how < 0x80)
        fuzz.silent_until = sat_add(fuzz.now, ((u64)1 << (11 + how % 35)) | (u64)get_be16(r) * 1000);
    else if (how < 0xc0)
        fuzz.now += ((u64)1 << (20 + how % 26));
    else
        fuzz.wall_offset = get_be32(r) * (u64)(1 << 30);
}

static void step_stop(struct reader *r)
{
    (void)r;
    if (!fuzz.stop_told)
        fuzz.stop_due = true;
}

/* How often each comes, when a script is random: twice what sessions consist of. */
static const struct {
    void (*play)(struct reader *r);
    const char *name;
} steps[] = {
    {step_connect, "connect"}, {step_say, "say"},       {step_say_bytes, "bytes"}, {step_bulk, "bulk"},
    {step_segment, "segment"}, {step_flow, "flow"},     {step_udp, "udp"},         {step_icmp, "icmp"},
    {step_arp, "arp"},         {step_dhcp, "dhcp"},     {step_raw, "raw"},         {step_spoil, "spoil"},
    {step_offload, "offload"}, {step_device, "device"}, {step_wait, "wait"},       {step_stop, "stop"},
};

bool fuzz_step(void)
{
    if (fuzz.script.rest.n < FUZZ_STEP_HEADER && fuzz.repeats > 0 && fuzz.steps > 0) {
        fuzz.repeats--;
        fuzz.script = reader_of(fuzz.all_steps);
    }
    if (fuzz.script.rest.n < FUZZ_STEP_HEADER || fuzz.steps == STEPS_MAX)
        return false;
    u8 kind = get_u8(&fuzz.script) % COUNT(steps);
    size_t n = get_u8(&fuzz.script);
    struct reader args = reader_of(get_bytes(&fuzz.script, MIN(n, fuzz.script.rest.n)));
    fuzz.steps++;
    fuzz_tell("%u: %s, %zu bytes", fuzz.steps, steps[kind].name, args.rest.n);
    steps[kind].play(&args);
    return true;
}
