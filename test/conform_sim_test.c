/* What the conformance suite sees through sig/ (test/conform/signatures.c, disk.c), on the
 * simulator, which stands for a host below that. The peer looks at every frame of the link and answers
 * from a device of its own. */
#include "base/codec.h"
#include "base/num.h"
#include "host/sim/sim.h"
#include "test/conform/conform.h"
#include "test/test.h"

struct peer {
    struct net_dev *dev, *image;
    u32 longest;
    u8 asked[CONFORM_FRAME_MAX], frame[CONFORM_FRAME_MAX];
};

static void say(struct peer *p, struct view asked, u16 number, struct view payload)
{
    struct writer w = writer_of(SPAN_OF(p->frame));
    put_bytes(&w, view_sub(asked, 6, 6));
    put_bytes(&w, VIEW_OF(p->dev->mac));
    put_be16(&w, CONFORM_TYPE);
    put_u8(&w, ANSWER);
    put_u8(&w, 0);
    put_be16(&w, number);
    put_bytes(&w, view_sub(asked, 18, 4));
    put_bytes(&w, payload);
    CHECK(sim_send(p->dev, written(&w)));
}

/* A TCP super-frame; the simulator completes its sums. */
static void send_super(struct peer *p, size_t n)
{
    struct writer w = writer_of(SPAN_OF(p->frame));
    put_bytes(&w, VIEW_OF(p->image->mac));
    put_bytes(&w, VIEW_OF(p->dev->mac));
    put_be16(&w, 0x0800);
    put_be16(&w, 0x4500);
    put_be16(&w, (u16)(40 + n));
    put_bytes(&w, VIEW("\x00\x01\x40\x00\x40\x06\x00\x00\xc0\x00\x02\x02\xc0\x00\x02\x01"));
    put_bytes(&w, VIEW("\x00\x50\x12\x34\x00\x00\x00\x01\x00\x00\x00\x01\x50\x10\x10\x00\x00\x00\x00\x00"));
    put_zeroes(&w, n);
    struct view bytes = written(&w);
    struct net_tx tx = {.parts = {&bytes, 1},
                        .offload = {.flags = NET_NEEDS_CSUM,
                                    .gso = NET_GSO_TCP4,
                                    .hdr_len = 54,
                                    .gso_size = 1448,
                                    .csum_start = 34,
                                    .csum_offset = 16}};
    CHECK(net_tx(p->dev, (struct net_tx_burst){&tx, 1}) == 1);
}

static enum sim_fate play(void *arg, const struct sim_frame *f)
{
    struct peer *p = arg;
    u8 length[4];
    if (f->from != p->image)
        return SIM_PASS;
    u16 type = load_be16(f->bytes, 12);
    if (type == 0x0800)
        p->longest = MAX(p->longest, (u32)f->bytes.n);
    if (type != CONFORM_TYPE || f->bytes.n < CONFORM_HEAD)
        return SIM_PASS;
    struct view asked = view_first(VIEW_OF(p->asked), f->bytes.n);
    copy(SPAN_OF(p->asked), f->bytes); /* the link's own copy goes with the next frame */
    u16 count = load_be16(asked, 16);
    switch ((enum conform_verb)view_at(asked, 14)) {
    case ASK_ECHO:
        for (u16 i = 0; i < count; i++)
            say(p, asked, i, view_from(asked, CONFORM_HEAD));
        break;
    case ASK_LATER:
        sim_path(p->dev)->latency_ns = count * NS_PER_MS;
        say(p, asked, 0, VIEW_NONE);
        sim_path(p->dev)->latency_ns = 0;
        break;
    case ASK_SUPER:
        send_super(p, count);
        break;
    case ASK_LAST:
        store_be32(SPAN_OF(length), 0, p->longest);
        say(p, asked, 0, VIEW_OF(length));
        break;
    case ASK_DEAF: /* the image's way out is slow and short: it fills up */
    case ANSWER:
        break;
    }
    return SIM_PASS;
}

static void run_suite(void *arg)
{
    static struct peer p;
    static struct conform c;
    struct sim_link *l = sim_link_new(NULL);
    p = (struct peer){.image = sim_dev(l, SIM_FEATURES), .dev = sim_dev(l, SIM_FEATURES)};
    *sim_path(p.image) =
        (struct sim_path){.rate_bps = 10000000000, .queue_bytes = 256 * 1024, .backpressure = true};
    sim_watch(l, play, &p);
    sim_console_show(true);
    c = (struct conform){.dev = p.image, .ask_stop = sim_stop};
    c.disk = sim_disk(
        (struct sim_disk_options){.bytes = 16 << 20, .latency_ns = NS_PER_MS, .jitter_ns = NS_PER_MS});
    *(u32 *)arg = conform_run(&c, conform_signatures) + conform_run(&c, conform_disk);
}

TEST(as_every_host)
{
    u32 failed = 1;
    sim_run(1, run_suite, &failed);
    CHECK(failed == 0);
}

TESTS(CASE(as_every_host))
