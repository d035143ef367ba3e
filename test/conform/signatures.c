/* What a host does, as seen through sig/: time, chance, waiting and frames. */
#include "base/codec.h"
#include "base/fmt.h"
#include "base/num.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/entropy.h"
#include "sig/idle.h"
#include "test/conform/conform.h"

enum { PATIENCE_MS = 2000 };

static u64 bit_of(const struct conform *c)
{
    return c->dev ? (u64)1 << c->dev->index : 0;
}

/* ---- the peer -------------------------------------------------------------------- */

bool conform_receive(struct conform *c, u16 type, struct net_rx *out)
{
    u64 deadline = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    for (;;) {
        while (c->burst_at < c->burst_n) {
            *out = AT(c->burst, c->burst_at);
            c->burst_at++;
            if (out->frame.n >= 14 && (type == 0 || load_be16(out->frame, 12) == type))
                return true;
        }
        c->burst_at = 0;
        c->burst_n = net_rx(c->dev, (struct net_rx_burst){c->burst, COUNT(c->burst)});
        if (c->burst_n > 0)
            continue;
        if (clock_mono_ns() >= deadline)
            return false;
        (void)idle_until(bit_of(c), 0, deadline);
    }
}

static void put_head(struct writer *w, const struct conform *c, enum conform_verb verb, u16 count)
{
    put_bytes(w, VIEW("\xff\xff\xff\xff\xff\xff"));
    put_bytes(w, VIEW_OF(c->dev->mac));
    put_be16(w, CONFORM_TYPE);
    put_u8(w, (u8)verb);
    put_u8(w, 0);
    put_be16(w, count);
    put_be32(w, c->token);
}

static size_t send_view(struct conform *c, struct view frame, struct net_offload offload)
{
    struct net_tx tx = {.parts = {&frame, 1}, .offload = offload};
    return net_tx(c->dev, (struct net_tx_burst){&tx, 1});
}

/* The frame in c->frame; waits where the device is full. */
static bool send_frame(struct conform *c, size_t n, struct net_offload offload)
{
    u64 deadline = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;
    while (send_view(c, view_first(VIEW_OF(c->frame), n), offload) == 0) {
        if (clock_mono_ns() >= deadline)
            return false;
        (void)idle_until(0, bit_of(c), deadline);
    }
    return true;
}

static size_t make_ask(struct conform *c, enum conform_verb verb, u16 count, size_t n)
{
    struct writer w = writer_of(SPAN_OF(c->frame));
    c->token++;
    put_head(&w, c, verb, count);
    for (size_t i = 0; i < n; i++)
        put_u8(&w, (u8)(0x41 + i % 64));
    return written(&w).n;
}

bool conform_ask(struct conform *c, enum conform_verb verb, u16 count, size_t n)
{
    return send_frame(c, make_ask(c, verb, count, n), (struct net_offload){0});
}

bool conform_answer(struct conform *c, struct net_rx *out)
{
    while (conform_receive(c, CONFORM_TYPE, out))
        if (out->frame.n >= CONFORM_HEAD && view_at(out->frame, 14) == ANSWER &&
            load_be32(out->frame, 18) == c->token)
            return true;
    return false;
}

/* Whether an answer carries the payload of make_ask, n bytes of it. */
static bool is_payload(struct view frame, size_t n)
{
    if (frame.n < CONFORM_HEAD + n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (view_at(frame, CONFORM_HEAD + i) != (u8)(0x41 + i % 64))
            return false;
    return true;
}

/* ---- time and chance --------------------------------------------------------------- */

static const char *clock_never_goes_back(struct conform *c)
{
    u64 before = clock_mono_ns();
    (void)c;
    for (u32 i = 0; i < 20000; i++) {
        u64 now = clock_mono_ns();
        if (now < before)
            return "a later look told an earlier time";
        before = now;
        if (i % 1000 == 0)
            (void)idle_until(0, 0, 0);
    }
    return NULL;
}

static const char *wall_clock_is_sane(struct conform *c)
{
    const u64 year_2020 = 1577836800 * NS_PER_S, year_2200 = 7258118400 * NS_PER_S;
    u64 wall = clock_wall_ns(), mono = clock_mono_ns();
    (void)c;
    if (wall < year_2020 || wall > year_2200)
        return "it is not of these centuries";
    (void)idle_until(0, 0, mono + 20 * NS_PER_MS);
    u64 passed = clock_mono_ns() - mono, moved = clock_wall_ns() - wall;
    return moved + NS_PER_MS * 5 < passed || moved > passed + NS_PER_S ? "it does not pass as the other does"
                                                                       : NULL;
}

static const char *entropy_differs(struct conform *c)
{
    u8 a[256], b[256], c1[1] = {0};
    u32 ones = 0;
    (void)c;
    entropy_fill(SPAN_OF(a));
    entropy_fill(SPAN_OF(b));
    entropy_fill(SPAN_OF(c1));
    if (view_eq(VIEW_OF(a), VIEW_OF(b)))
        return "the same twice";
    for (size_t i = 0; i < sizeof a; i++)
        ones += (u32)__builtin_popcount(AT(a, i));
    return ones < 820 || ones > 1228 ? "not half of 2048 bits are set" : NULL; /* 9 standard deviations */
}

static const char *entropy_in_any_length(struct conform *c)
{
    u8 room[300];
    (void)c;
    for (size_t n = 0; n <= 256; n += 17) {
        fill(SPAN_OF(room), 0);
        entropy_fill(span_first(SPAN_OF(room), n));
        for (size_t i = n; i < sizeof room; i++)
            if (AT(room, i) != 0)
                return "more was written than was asked for";
    }
    return NULL;
}

/* ---- waiting ----------------------------------------------------------------------- */

static const char *wait_for_the_past(struct conform *c)
{
    u64 before = clock_mono_ns();
    (void)c;
    for (u32 i = 0; i < 10; i++)
        (void)idle_until(0, 0, i % 2 ? 0 : clock_mono_ns());
    return clock_mono_ns() - before > NS_PER_S ? "it slept" : NULL;
}

static const char *wait_until_a_deadline(struct conform *c)
{
    u64 before = clock_mono_ns(), deadline = before + 30 * NS_PER_MS;
    u32 calls = 0;
    (void)c;
    while (clock_mono_ns() < deadline && calls < 1000) {
        if (idle_until(0, 0, deadline) != 0)
            return "ready, and nothing was asked for";
        calls++;
    }
    if (calls == 1000)
        return "it hardly sleeps";
    return clock_mono_ns() - before > NS_PER_S ? "it overslept by a second" : NULL;
}

static const char *nothing_to_receive(struct conform *c)
{
    struct net_rx f;
    if (!c->dev)
        return "skip: no network device";
    u64 start = clock_mono_ns();
    for (u32 i = 0; i < 100 && clock_mono_ns() - start < NS_PER_S; i++)
        if (net_rx(c->dev, (struct net_rx_burst){&f, 0}) != 0)
            return "frames for nobody";
    return NULL;
}

static const char *wait_wakes_for_a_frame(struct conform *c)
{
    if (!c->dev)
        return "skip: no network device";
    struct net_rx f;
    u64 start = clock_mono_ns();
    if (!conform_ask(c, ASK_LATER, 60, 0))
        return "the device is full";
    while (!conform_answer(c, &f))
        if (clock_mono_ns() - start > 5 * NS_PER_S)
            return "no answer";
    u64 passed = clock_mono_ns() - start;
    return passed < 50 * NS_PER_MS ? "before it was sent" : passed > NS_PER_S ? "a second too late" : NULL;
}

/* A device with room is ready at once. */
static const char *wait_for_room(struct conform *c)
{
    if (!c->dev)
        return "skip: no network device";
    u64 start = clock_mono_ns();
    u64 ready = idle_until(0, bit_of(c), start + 3 * NS_PER_S);
    if (clock_mono_ns() - start > NS_PER_S)
        return "it slept";
    return ready & ~bit_of(c) ? "another device is ready" : NULL;
}

/* ---- frames ------------------------------------------------------------------------ */

static const char *a_frame_and_its_answer(struct conform *c)
{
    struct net_rx f;
    if (!c->dev)
        return "skip: no network device";
    static const u16 lengths[] = {38, 39, 100, 777, 1000, 1478};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t n = MIN((size_t)AT(lengths, i), (size_t)c->dev->mtu + 14 - CONFORM_HEAD);
        if (!conform_ask(c, ASK_ECHO, 1, n) || !conform_answer(c, &f))
            return "no answer";
        if (!is_payload(f.frame, n))
            return "the answer is another";
    }
    return NULL;
}

/* Every piece a byte long but the last. */
static const char *a_frame_in_64_pieces(struct conform *c)
{
    if (!c->dev)
        return "skip: no network device";
    enum { PAYLOAD = 400 };
    struct view parts[NET_PARTS_MAX], rest = view_first(VIEW_OF(c->frame), make_ask(c, ASK_ECHO, 1, PAYLOAD));
    for (size_t i = 0; i < COUNT(parts); i++) {
        size_t n = i == COUNT(parts) - 1 ? rest.n : i % 3;
        AT(parts, i) = view_first(rest, n);
        rest = view_from(rest, n);
    }
    struct net_tx tx = {.parts = {parts, COUNT(parts)}};
    struct net_rx f;
    if (net_tx(c->dev, (struct net_tx_burst){&tx, 1}) != 1)
        return "it was not taken";
    return !conform_answer(c, &f)         ? "no answer"
           : is_payload(f.frame, PAYLOAD) ? NULL
                                          : "the answer is another";
}

static const char *a_burst_in_order(struct conform *c)
{
    struct net_rx f;
    if (!c->dev)
        return "skip: no network device";
    if (!conform_ask(c, ASK_ECHO, 40, 300))
        return "the device is full";
    for (u16 i = 0; i < 40; i++) {
        if (!conform_answer(c, &f))
            return "some are missing";
        if (load_be16(f.frame, 16) != i)
            return "out of order";
        if (!is_payload(f.frame, 300))
            return "another payload";
    }
    return NULL;
}

/* A whole burst in one call, each frame asking for its own answer. */
static const char *a_burst_sent_in_one_call(struct conform *c)
{
    enum { FRAMES = NET_BURST_MAX, BYTES = 128 };
    static u8 room[FRAMES][BYTES];
    static struct view parts[FRAMES];
    static struct net_tx burst[FRAMES];
    if (!c->dev)
        return "skip: no network device";
    c->token++;
    for (u16 i = 0; i < FRAMES; i++) {
        struct writer w = writer_of(SPAN_OF(AT(room, i)));
        put_head(&w, c, ASK_ECHO, 1);
        put_be16(&w, i);
        AT(parts, i) = VIEW_OF(AT(room, i));
        AT(burst, i) = (struct net_tx){.parts = {&AT(parts, i), 1}};
    }
    size_t sent = net_tx(c->dev, (struct net_tx_burst){burst, FRAMES});
    struct net_rx f;
    for (u16 i = 0; i < sent; i++)
        if (!conform_answer(c, &f) || load_be16(f.frame, CONFORM_HEAD) != i)
            return "some are missing or out of order";
    return sent == 0 ? "none was taken" : NULL;
}

/* What was received lies still while other things are asked of the host. */
static const char *a_received_frame_stays(struct conform *c)
{
    struct net_rx f;
    u8 chance[64];
    if (!c->dev)
        return "skip: no network device";
    if (!conform_ask(c, ASK_ECHO, 3, 500) || !conform_answer(c, &f))
        return "no answer";
    for (u32 i = 0; i < 100; i++) {
        (void)clock_mono_ns();
        (void)clock_wall_ns();
        entropy_fill(SPAN_OF(chance));
    }
    size_t n = make_ask(c, ASK_ECHO, 1, 64);
    (void)send_view(c, view_first(VIEW_OF(c->frame), n), (struct net_offload){0});
    return is_payload(f.frame, 500) ? NULL : "it changed";
}

/* An IPv4 and TCP header for n bytes of payload, without sums: the device completes them. */
static size_t make_super(struct conform *c, size_t n, u16 segment, struct net_offload *offload)
{
    struct writer w = writer_of(SPAN_OF(c->frame));
    put_bytes(&w, VIEW("\xff\xff\xff\xff\xff\xff"));
    put_bytes(&w, VIEW_OF(c->dev->mac));
    put_be16(&w, 0x0800);
    put_be16(&w, 0x4500);
    put_be16(&w, (u16)(40 + n));
    put_bytes(&w, VIEW("\x00\x01\x40\x00\x40\x06\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"));
    u32 sum = 0;
    for (size_t i = 14; i < 34; i += 2)
        sum += load_be16(VIEW_OF(c->frame), i);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(SPAN_OF(c->frame), 24, (u16) ~((sum & 0xffff) + (sum >> 16)));
    /* The pseudo header's sum, as NET_NEEDS_CSUM wants it in the field. */
    u32 pseudo = 0xc000u + 0x0201u + 0xc000u + 0x0202u + 6 + (u32)(20 + n);
    while (pseudo >> 16)
        pseudo = (pseudo & 0xffff) + (pseudo >> 16);
    put_bytes(&w, VIEW("\x12\x34\x00\x50\x00\x00\x00\x01\x00\x00\x00\x01\x50\x10\x10\x00"));
    put_be16(&w, (u16)pseudo);
    put_be16(&w, 0);
    for (size_t i = 0; i < n; i++)
        put_u8(&w, (u8)(0x41 + i % 64));
    *offload = (struct net_offload){.flags = NET_NEEDS_CSUM,
                                    .gso = segment ? NET_GSO_TCP4 : NET_GSO_NONE,
                                    .hdr_len = segment ? 54 : 0,
                                    .gso_size = segment,
                                    .csum_start = 34,
                                    .csum_offset = 16};
    return written(&w).n;
}

static const char *sends_super_frames(struct conform *c)
{
    struct net_offload offload;
    struct net_rx f;
    enum { PAYLOAD = 60000, SEGMENT = 1448 };
    if (!c->dev || !(c->dev->features & NET_TSO4))
        return "skip: the device does not cut super-frames";
    if (!send_frame(c, make_super(c, PAYLOAD, SEGMENT, &offload), offload))
        return "it was not taken";
    if (!conform_ask(c, ASK_LAST, 0, 0) || !conform_answer(c, &f))
        return "no answer";
    return load_be32(f.frame, CONFORM_HEAD) < PAYLOAD ? "the peer saw less" : NULL;
}

static const char *receives_super_frames(struct conform *c)
{
    struct net_rx f;
    size_t got = 0;
    enum { PAYLOAD = 30000 };
    if (!c->dev || !(c->dev->features & NET_TSO4))
        return "skip: the device takes no super-frames";
    if (!conform_ask(c, ASK_SUPER, PAYLOAD, 0))
        return "the device is full";
    while (got < PAYLOAD) {
        if (!conform_receive(c, 0x0800, &f))
            return "none came";
        if (f.frame.n < 54 || view_at(f.frame, 23) != 6)
            continue;
        if (f.frame.n > (size_t)c->dev->mtu + 14 && f.offload.gso != NET_GSO_TCP4)
            return "a super-frame without its words";
        got += f.frame.n - 54;
    }
    return NULL;
}

/* The peer does not read: either the device takes all and may lose some of it, or it says
 * that it is full, and later that it has room. */
static const char *a_peer_that_does_not_read(struct conform *c)
{
    enum { FRAMES = 5000, TRIES = 5 };
    struct net_rx f;
    if (!c->dev)
        return "skip: no network device";
    if (!conform_ask(c, ASK_DEAF, 200, 0))
        return "the device is full";
    size_t n = make_ask(c, ANSWER, 0, 1000);
    for (u32 i = 0; i < FRAMES; i++) {
        if (send_view(c, view_first(VIEW_OF(c->frame), n), (struct net_offload){0}) == 1)
            continue;
        u64 deadline = clock_mono_ns() + 3 * NS_PER_S;
        while (!(idle_until(0, bit_of(c), deadline) & bit_of(c)))
            if (clock_mono_ns() >= deadline)
                return "it stays full";
        break;
    }
    for (u32 i = 0; i < TRIES; i++)
        if (conform_ask(c, ASK_ECHO, 1, 100) && conform_answer(c, &f))
            return NULL;
    return "no answer afterwards";
}

/* How many frames are taken while the peer reads nothing; the last of those that fit asks for
 * an answer. */
static u32 send_to_deaf_peer(struct conform *c, u32 fit)
{
    enum { FRAMES = 2000, DEAF_MS = 300 };
    u32 sent = 0;
    if (!conform_ask(c, ASK_DEAF, DEAF_MS, 0))
        return 0;
    (void)idle_until(0, 0, clock_mono_ns() + 50 * NS_PER_MS); /* it has the question by then */
    while (sent < FRAMES) {
        size_t n = make_ask(c, ASK_ECHO, sent + 1 == fit, 100);
        if (send_view(c, view_first(VIEW_OF(c->frame), n), (struct net_offload){0}) == 0)
            break;
        sent++;
        if (sent == fit)
            break;
    }
    return sent;
}

/* Until the peer reads again, and has read it all. */
static bool is_heard(struct conform *c)
{
    struct net_rx f;
    for (u64 until = clock_mono_ns() + NS_PER_S; clock_mono_ns() < until;)
        (void)idle_until(0, 0, until);
    return conform_ask(c, ASK_ECHO, 1, 100) && conform_answer(c, &f);
}

/* Nobody waits for room who has no more to send. */
static const char *what_was_taken_is_sent(struct conform *c)
{
    struct net_rx f;
    if (!c->dev)
        return "skip: no network device";
    u32 fit = send_to_deaf_peer(c, 0), sent;
    u64 start;
    do { /* a device that works on meanwhile has room for a few more, or fewer */
        if (!is_heard(c))
            return "no answer afterwards";
        start = clock_mono_ns();
        sent = send_to_deaf_peer(c, fit);
        fit = sent == fit ? fit : sent / 2;
    } while (sent != fit && fit > 0);
    u64 deadline = start + PATIENCE_MS * NS_PER_MS;
    (void)idle_until(bit_of(c), 0, deadline);
    return clock_mono_ns() < deadline && conform_answer(c, &f) ? NULL : "the last frame stays behind";
}

/* ---- the end ----------------------------------------------------------------------- */

static const char *a_stop_is_told_once(struct conform *c)
{
    u64 deadline = clock_mono_ns() + 20 * NS_PER_S, told = 0;
    c->ask_stop();
    while (!told && clock_mono_ns() < deadline)
        told = idle_until(0, 0, deadline) >> IDLE_STOP_BIT & 1;
    if (!told)
        return "it was not told";
    return idle_until(0, 0, clock_mono_ns() + NS_PER_MS) >> IDLE_STOP_BIT & 1 ? "it was told twice" : NULL;
}

static const struct conform_scenario signatures[] = {
    {"clock_never_goes_back", clock_never_goes_back},
    {"wall_clock_is_sane", wall_clock_is_sane},
    {"entropy_differs", entropy_differs},
    {"entropy_in_any_length", entropy_in_any_length},
    {"wait_for_the_past", wait_for_the_past},
    {"wait_until_a_deadline", wait_until_a_deadline},
    {"nothing_to_receive", nothing_to_receive},
    {"a_frame_and_its_answer", a_frame_and_its_answer},
    {"a_frame_in_64_pieces", a_frame_in_64_pieces},
    {"a_burst_in_order", a_burst_in_order},
    {"a_burst_sent_in_one_call", a_burst_sent_in_one_call},
    {"a_received_frame_stays", a_received_frame_stays},
    {"wait_wakes_for_a_frame", wait_wakes_for_a_frame},
    {"wait_for_room", wait_for_room},
    {"sends_super_frames", sends_super_frames},
    {"receives_super_frames", receives_super_frames},
    {"a_peer_that_does_not_read", a_peer_that_does_not_read},
    {"what_was_taken_is_sent", what_was_taken_is_sent},
    {"a_stop_is_told_once", a_stop_is_told_once},
};
const struct conform_scenarios conform_signatures = {signatures, COUNT(signatures)};

static void say_result(const char *name, const char *wrong)
{
    u8 line[160];
    struct writer w = writer_of(SPAN_OF(line));
    bool skip = wrong && view_starts(view_z(wrong), VIEW("skip"));
    put_text(&w, skip ? "skip " : wrong ? "not ok " : "ok ");
    put_text(&w, name);
    if (wrong)
        put_text(&w, skip ? "" : ": ");
    put_bytes(&w, view_from(view_z(wrong ? wrong : ""), skip ? 4 : 0));
    put_u8(&w, '\n');
    console_write(written(&w));
}

u32 conform_run(struct conform *c, struct conform_scenarios scenarios)
{
    u32 failed = 0;
    for (size_t i = 0; i < scenarios.n; i++) {
        const struct conform_scenario *s = conform_scenarios_at(scenarios, i);
        const char *wrong = s->run(c);
        say_result(s->name, wrong);
        failed += wrong && !view_starts(view_z(wrong), VIEW("skip"));
    }
    return failed;
}
