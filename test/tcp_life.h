/* A life of connections on a bad link: eight clients dial, ask, read, pause and leave
 * in every way there is, while losses, delays and reorderings go on. Every byte is
 * checked on both sides, and in the end nothing may be left. */
#ifndef TEST_TCP_LIFE_H
#define TEST_TCP_LIFE_H

#include "test/tcp_pair.h"

enum { LIFE_CLIENTS = 8, LIFE_HEAD = 12 };

struct life {
    u64 until;
    struct pair pair;
    struct scope servers;
    u64 conversations, bytes, wrong, failed;
};

/* What a client asks for: so many bytes up, so many down, then who closes and how. */
struct life_ask {
    u32 up, down, manner;
};

enum { CLIENT_CLOSES, SERVER_CLOSES, CLIENT_ABORTS, HALF_CLOSE, MANNERS };

/* Reads exactly n bytes of the pattern. */
static enum err life_read(struct life *l, struct stream *s, u64 n)
{
    u64 at = 0;
    while (at < n) {
        struct view piece;
        TRY(stream_wait(s, 0, after_ms(600000)));
        (void)stream_pieces(s, (struct stream_pieces){&piece, 1});
        size_t k = (size_t)MIN((u64)piece.n, n - at);
        for (size_t i = 0; i < k; i++)
            l->wrong += piece.p[i] != pattern_at(at + i);
        stream_consume(s, k);
        at += k;
        l->bytes += k;
    }
    return OK;
}

static enum err life_take_ask(struct stream *s, struct life_ask *ask)
{
    u8 head[LIFE_HEAD];
    size_t got = 0;
    while (got < LIFE_HEAD) {
        struct view piece;
        TRY(stream_wait(s, 0, after_ms(600000)));
        (void)stream_pieces(s, (struct stream_pieces){&piece, 1});
        size_t k = MIN(piece.n, LIFE_HEAD - got);
        copy(span_from(SPAN_OF(head), got), view_first(piece, k));
        stream_consume(s, k);
        got += k;
    }
    *ask = (struct life_ask){load_be32(VIEW_OF(head), 0), load_be32(VIEW_OF(head), 4),
                             load_be32(VIEW_OF(head), 8)};
    return OK;
}

struct life_serving {
    struct life *life;
    struct stream *stream;
};

static struct life_serving life_slots[64];

static enum err life_answer(struct life *l, struct stream *s)
{
    struct life_ask ask;
    TRY(life_take_ask(s, &ask));
    TRY(life_read(l, s, ask.up));
    TRY(pattern_write(s, 0, ask.down, 1000, STREAM_COPY));
    if (ask.manner == HALF_CLOSE)
        return stream_wait(s, 0, after_ms(600000)) == ERR_EOF ? OK : ERR_RESET;
    if (ask.manner != SERVER_CLOSES)
        (void)stream_wait(s, 0, after_ms(600000));
    return OK;
}

static void life_serve(void *arg)
{
    struct life_serving *v = arg;
    if (life_answer(v->life, v->stream) == OK)
        stream_close(v->stream);
    else
        stream_abort(v->stream);
    v->life = NULL;
}

static void life_accept(void *arg)
{
    struct life *l = arg;
    struct stream *s;
    while (listener_accept(l->pair.listener, &s, FOREVER) == OK) {
        struct life_serving *slot = NULL;
        for (size_t i = 0; i < COUNT(life_slots) && !slot; i++)
            slot = life_slots[i].life ? NULL : &life_slots[i];
        if (!slot) {
            stream_abort(s);
            continue;
        }
        *slot = (struct life_serving){l, s};
        if (fiber_spawn(&l->servers, "serve", life_serve, slot) != OK) {
            slot->life = NULL;
            stream_abort(s);
        }
    }
}

static enum err life_converse(struct life *l, struct stream *s, struct life_ask ask)
{
    u8 head[LIFE_HEAD];
    store_be32(SPAN_OF(head), 0, ask.up);
    store_be32(SPAN_OF(head), 4, ask.down);
    store_be32(SPAN_OF(head), 8, ask.manner);
    TRY(stream_write(s, VIEW_OF(head), STREAM_COPY, after_ms(600000)));
    TRY(pattern_write(s, 0, ask.up, 700, STREAM_COPY));
    if (ask.manner == CLIENT_ABORTS)
        return life_read(l, s, ask.down / 2);
    if (ask.manner == HALF_CLOSE)
        TRY(stream_finish(s));
    TRY(life_read(l, s, ask.down));
    if (ask.manner == SERVER_CLOSES)
        return stream_wait(s, 0, after_ms(600000)) == ERR_EOF ? OK : ERR_RESET;
    return OK;
}

static void life_client(void *arg)
{
    struct life *l = arg;
    struct random *r = sim_random();
    while (clock_mono_ns() < l->until) {
        u64 most = random_below(r, 8) ? 8000 : 100000;
        struct life_ask ask = {(u32)random_below(r, most), (u32)random_below(r, most),
                               (u32)random_below(r, MANNERS)};
        struct stream *s;
        enum err e = dialer_dial(tcp_dialer(l->pair.b), pair_server, &s, after_ms(600000));
        if (e == OK) {
            e = life_converse(l, s, ask);
            if (e != OK || ask.manner == CLIENT_ABORTS)
                stream_abort(s);
            else
                stream_close(s);
        }
        l->failed += e != OK;
        l->conversations++;
        (void)fiber_sleep_ns(random_below(r, 20 * NS_PER_S));
    }
}

static void life_run(void *arg)
{
    struct life *l = arg;
    struct scope clients;
    struct sim_path path = {.latency_ns = 20 * NS_PER_MS,
                            .jitter_ns = 3 * NS_PER_MS,
                            .real = true,
                            .loss_ppm = 50000,
                            .reorder_ppm = 50000,
                            .reorder_ns = 15 * NS_PER_MS,
                            .duplicate_ppm = 5000,
                            .corrupt_ppm = 2000};
    CHECK(pair_start(&l->pair, &path, SIM_FEATURES));
    l->until += clock_mono_ns();
    scope_open(&clients, "clients");
    scope_open(&l->servers, "servers");
    CHECK_OK(fiber_spawn(&l->servers, "accept", life_accept, l));
    for (int i = 0; i < LIFE_CLIENTS; i++)
        CHECK_OK(fiber_spawn(&clients, "client", life_client, l));
    CHECK_OK(scope_join(&clients, FOREVER));
    (void)fiber_sleep_ns(900 * NS_PER_S);
    listener_close(l->pair.listener);
    CHECK_OK(scope_join(&l->servers, FOREVER));
    (void)fiber_sleep_ns(120 * NS_PER_S);
    struct stack_stats a = stack_stats(l->pair.a);
    printf("# %llu conversations, %llu bytes, %llu wrong, %llu failed, %llu retransmissions by the server\n",
           (unsigned long long)l->conversations, (unsigned long long)l->bytes, (unsigned long long)l->wrong,
           (unsigned long long)l->failed, (unsigned long long)a.tcp_retransmits);
    CHECK_EQ(l->wrong, 0);
    CHECK_EQ(l->failed, 0);
    CHECK(l->bytes > 0);
    CHECK(pair_clean(&l->pair));
    pair_end(&l->pair);
}

static void life(u64 seconds)
{
    struct life l = {.until = seconds * NS_PER_S};
    sim_run(1, life_run, &l);
}

#endif
