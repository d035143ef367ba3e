/* Two stacks on a simulated link, and streams between them: the ground on which the
 * TCP scenarios stand. A (10.0.0.1) serves port 80, B (10.0.0.2) dials. */
#ifndef TEST_TCP_PAIR_H
#define TEST_TCP_PAIR_H

#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "net/tcp.h"
#include "sig/clock.h"
#include "test/test.h"

#define CHECK_OK(call) CHECK_EQ((call), OK)

struct pair {
    struct sim_link *link;
    struct net_dev *a_dev, *b_dev;
    struct stack *a, *b;
    struct listener *listener;
    struct stream *server, *client; /* the ends of pair_connect */
};

static struct stack_config pair_config(u32 ip)
{
    return (struct stack_config){
        .ip = 0x0a000000 + ip,
        .prefix = 24,
        .connections = 64,
        .udp_ports = 4,
        .buffer_bytes = 4 << 20,
        .send_max_bytes = 256 << 10,
        .receive_max_bytes = 256 << 10,
    };
}

static const struct endpoint pair_server = {
    {.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}},
    80,
};

/* ARP is settled before the path turns bad, as it is in a network that works. */
__attribute__((unused)) static bool pair_start_with(struct pair *p, const struct sim_path *path, u32 features,
                                                    struct stack_config a, struct stack_config b)
{
    struct stream *s, *c;
    *p = (struct pair){.link = sim_link_new(NULL)};
    p->a_dev = sim_dev(p->link, features);
    p->b_dev = sim_dev(p->link, features);
    if (stack_new(&p->a, sim_arena(), p->a_dev, &a) != OK ||
        stack_new(&p->b, sim_arena(), p->b_dev, &b) != OK || tcp_listen(p->a, 80, 64, &p->listener) != OK)
        return false;
    u64 soon = clock_mono_ns() + 30 * NS_PER_S;
    if (dialer_dial(tcp_dialer(p->b), pair_server, &c, soon) != OK ||
        listener_accept(p->listener, &s, soon) != OK)
        return false;
    stream_abort(c);
    while (stream_status(s) == OK)
        if (stream_wait(s, 0, soon) == ERR_TIMEOUT)
            return false;
    stream_close(s);
    *sim_path(p->a_dev) = *sim_path(p->b_dev) = path ? *path : (struct sim_path){0};
    return true;
}

__attribute__((unused)) static bool pair_start(struct pair *p, const struct sim_path *path, u32 features)
{
    return pair_start_with(p, path, features, pair_config(1), pair_config(2));
}

__attribute__((unused)) static u64 after_ms(u64 ms)
{
    return clock_mono_ns() + ms * NS_PER_MS;
}

/* One connection: p->client at B, p->server at A. */
__attribute__((unused)) static bool pair_connect(struct pair *p)
{
    return dialer_dial(tcp_dialer(p->b), pair_server, &p->client, after_ms(300000)) == OK &&
           listener_accept(p->listener, &p->server, after_ms(300000)) == OK;
}

/* Nothing is left of the connections but TIME_WAIT. */
__attribute__((unused)) static bool pair_clean(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct stack_stats s = stack_stats(i ? p->b : p->a);
        struct tcp *t = stack_tcp(i ? p->b : p->a);
        if (s.tcp_open != 0 || s.buffer_used_bytes != 0 || t->buffers.reserved + t->buffers.sending != 0 ||
            t->boards.used != 0 || t->half_open != 0 || t->by_tuple.count != 0) {
            printf("# %c: open %u, buffers %zu, reserved %zu, boards %u, half open %u\n", "ab"[i], s.tcp_open,
                   s.buffer_used_bytes, t->buffers.reserved + t->buffers.sending, t->boards.used,
                   t->half_open);
            return false;
        }
    }
    return true;
}

static void pair_end(struct pair *p)
{
    stack_close(p->a);
    stack_close(p->b);
}

/* Bytes that tell their place: a lost, doubled or moved one shows. */
wraps static u8 pattern_at(u64 i)
{
    return (u8)((i * 0x9e3779b97f4a7c15ull >> 40) & 0xff);
}

/* Writes n bytes of the pattern from `at` on, `step` at a time, life as given. */
__attribute__((unused)) static enum err pattern_write(struct stream *s, u64 at, u64 n, size_t step,
                                                      enum stream_life life)
{
    u8 piece[4096];
    step = MIN(step, sizeof piece);
    for (u64 end = at + n; at < end;) {
        size_t k = (size_t)MIN((u64)step, end - at);
        for (size_t i = 0; i < k; i++)
            piece[i] = pattern_at(at + i);
        TRY(stream_write(s, (struct view){piece, k}, life, after_ms(3600000)));
        at += k;
    }
    return OK;
}

/* Reads until the peer is done; the count of bytes that were right, up to the first wrong. */
__attribute__((unused)) static u64 pattern_read(struct stream *s, size_t most, u64 pause_ns, enum err *why)
{
    u64 at = 0;
    struct view parts[16];
    for (;;) {
        *why = stream_wait(s, 0, after_ms(3600000));
        if (*why != OK)
            return at;
        size_t n = stream_pieces(s, (struct stream_pieces){parts, COUNT(parts)}), used = 0;
        for (size_t i = 0; i < n && used < most; i++)
            for (size_t j = 0; j < parts[i].n && used < most; j++, used++)
                if (parts[i].p[j] != pattern_at(at++)) {
                    *why = ERR_MALFORMED;
                    return at - 1;
                }
        stream_consume(s, used);
        if (pause_ns > 0)
            (void)fiber_sleep_ns(pause_ns);
    }
}

#endif
