/* Little memory, many connections, allocations that fail: work is shed, service goes
 * on, and memory returns to its level. */
#include "test/tcp_pair.h"

/* ---- each allocation failing in turn ---- */

struct exchange {
    struct stream *stream;
    enum err e;
    u64 n, got;
};

/* Sends back what comes, to the end. */
static void echo(void *arg)
{
    struct exchange *x = arg;
    struct view piece;
    u8 kept[512];
    while ((x->e = stream_wait(x->stream, 0, after_ms(900000))) == OK) {
        (void)stream_pieces(x->stream, (struct stream_pieces){&piece, 1});
        size_t n = MIN(piece.n, sizeof kept);
        copy(SPAN_OF(kept), view_first(piece, n));
        stream_consume(x->stream, n);
        if ((x->e = stream_write(x->stream, (struct view){kept, n}, STREAM_COPY, after_ms(900000))) != OK)
            break;
    }
    stream_close(x->stream);
}

static void fill_stream(void *arg)
{
    struct exchange *x = arg;
    x->e = pattern_write(x->stream, 0, x->n, 4096, STREAM_COPY);
    if (x->e == OK)
        x->e = stream_finish(x->stream);
}

static void read_stream(void *arg)
{
    struct exchange *x = arg;
    x->got = pattern_read(x->stream, SIZE_MAX, 0, &x->e);
}

/* One connection with an echo of n bytes; true when it all came back. */
static bool converse(struct pair *p, u64 n)
{
    struct scope scope;
    enum err why = OK;
    enum err e = ERR_UNREACHABLE;
    for (int i = 0; i < 3 && e == ERR_UNREACHABLE; i++) /* ARP's packets may be lost too */
        e = dialer_dial(tcp_dialer(p->b), pair_server, &p->client, after_ms(200000));
    if (e != OK)
        return false;
    if (listener_accept(p->listener, &p->server, after_ms(200000)) != OK) {
        stream_abort(p->client);
        return false;
    }
    struct exchange server = {.stream = p->server}, up = {.stream = p->client, .n = n};
    scope_open(&scope, "converse");
    bool spawned =
        fiber_spawn(&scope, "echo", echo, &server) == OK && fiber_spawn(&scope, "up", fill_stream, &up) == OK;
    u64 got = spawned ? pattern_read(p->client, SIZE_MAX, 0, &why) : 0;
    (void)scope_join(&scope, FOREVER);
    stream_close(p->client);
    return got == n && why == ERR_EOF;
}

enum place { CONNS, BOARDS, BLOCKS, PLACES };

static void fail_at(struct stack *s, enum place place, u64 nth)
{
    struct tcp *t = stack_tcp(s);
    if (place == CONNS)
        t->conns.fail_at = nth;
    else if (place == BOARDS)
        t->boards.fail_at = nth;
    else
        t->buffers.fail_at = nth;
}

static u64 left(struct stack *s, enum place place)
{
    struct tcp *t = stack_tcp(s);
    return place == CONNS ? t->conns.fail_at : place == BOARDS ? t->boards.fail_at : t->buffers.fail_at;
}

static void every_allocation(void *arg)
{
    static const char *const names[] = {"control blocks", "scoreboards", "buffer blocks"};
    struct pair p;
    struct sim_path path = {.latency_ns = 5 * NS_PER_MS, .real = true, .loss_ppm = 30000};
    (void)arg;
    CHECK(pair_start(&p, &path, 0));
    for (int side = 0; side < 2; side++)
        for (enum place place = 0; place < PLACES; place++) {
            struct stack *s = side ? p.b : p.a;
            u64 nth = 1, whole = 0;
            for (bool reached = true; reached && nth < 200; nth++) {
                fail_at(s, place, nth);
                whole += converse(&p, 30000);
                reached = left(s, place) == 0;
                fail_at(s, place, 0);
                (void)fiber_sleep_ns(200 * NS_PER_S);
                CHECK(pair_clean(&p));
            }
            printf("# %s of %s: %llu failed in turn, %llu conversations were whole all the same\n",
                   AT(names, place), side ? "the client" : "the server", (unsigned long long)nth - 2,
                   (unsigned long long)whole);
            CHECK(place == CONNS ||
                  whole == nth - 1); /* only a connection can be refused; bytes come again */
        }
    CHECK(converse(&p, 30000));
    pair_end(&p);
}

TEST(every_allocation_fails_in_turn)
{
    sim_run(1, every_allocation, NULL);
}

/* ---- little memory ---- */

static struct stack_config small(u32 ip, u32 connections, size_t buffer_bytes)
{
    struct stack_config c = pair_config(ip);
    c.connections = connections;
    c.buffer_bytes = buffer_bytes;
    return c;
}

/* 1,000 clients have sent a byte each, and one that is quick shares the server with them. */
static void slow_clients(void *arg)
{
    enum { CLIENTS = 1000 };
    struct pair p;
    struct stream **clients = NEW_ARRAY(sim_arena(), struct stream *, CLIENTS);
    struct stream **servers = NEW_ARRAY(sim_arena(), struct stream *, CLIENTS);
    (void)arg;
    CHECK(pair_start_with(&p, NULL, SIM_FEATURES, small(1, CLIENTS + 8, 1200 << 10),
                          small(2, CLIENTS + 8, 4 << 20)));
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pair_connect(&p));
        clients[i] = p.client;
        servers[i] = p.server;
    }
    CHECK_EQ(stack_stats(p.a).buffer_used_bytes, 0); /* idle: no buffers */
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < CLIENTS; i++)
            CHECK_OK(stream_write(clients[i], VIEW("x"), STREAM_COPY, FOREVER));
        (void)fiber_sleep_ns(NS_PER_S);
    }
    for (int i = 0; i < CLIENTS; i++)
        CHECK_EQ(stream_buffered(servers[i]), 20);
    printf("# 1000 connections with 20 bytes each hold %zu KiB\n", stack_stats(p.a).buffer_used_bytes >> 10);
    CHECK_EQ(stack_stats(p.a).buffer_used_bytes, CLIENTS * TCP_BLOCK_SIZE);
    CHECK(converse(&p, 1 << 20));
    for (int i = 0; i < CLIENTS; i++) {
        stream_abort(clients[i]);
        stream_abort(servers[i]);
    }
    (void)fiber_sleep_ns(100 * NS_PER_S);
    CHECK(pair_clean(&p));
    pair_end(&p);
}

TEST(a_thousand_slow_clients)
{
    sim_run(1, slow_clients, NULL);
}

/* Readers that never read fill what they may; somebody else still gets through. */
static void hogs(void *arg)
{
    enum { HOGS = 20 };
    struct pair p;
    struct scope scope;
    struct exchange hog[HOGS];
    struct stream *server[HOGS];
    (void)arg;
    CHECK(pair_start_with(&p, NULL, SIM_FEATURES, small(1, 64, 256 << 10), small(2, 64, 8 << 20)));
    scope_open(&scope, "hogs");
    for (int i = 0; i < HOGS; i++) {
        CHECK(pair_connect(&p));
        server[i] = p.server;
        hog[i] = (struct exchange){.stream = p.client, .n = 1 << 20};
        CHECK_OK(fiber_spawn(&scope, "hog", fill_stream, &hog[i]));
    }
    (void)fiber_sleep_ns(60 * NS_PER_S);
    struct tcp *t = stack_tcp(p.a);
    printf("# %zu of %zu blocks held by 20 that do not read\n", t->buffers.used, t->buffers.blocks.n);
    CHECK(t->buffers.used < t->buffers.blocks.n);
    CHECK(converse(&p, 100000));
    scope_cancel(&scope);
    scope_leave(&scope);
    for (int i = 0; i < HOGS; i++) {
        stream_abort(hog[i].stream);
        stream_abort(server[i]);
    }
    (void)fiber_sleep_ns(100 * NS_PER_S);
    CHECK(pair_clean(&p));
    pair_end(&p);
}

TEST(those_who_do_not_read_cannot_take_all)
{
    sim_run(1, hogs, NULL);
}

/* A block for each direction of each connection is more than there is, and the link loses:
 * they take turns, and nobody waits for long. */
static void crowd(void *arg)
{
    enum { CLIENTS = 24, BYTES = 40000 };
    struct sim_path path = {.latency_ns = 10 * NS_PER_MS, .real = true, .loss_ppm = 15000};
    struct exchange *up = NEW_ARRAY(sim_arena(), struct exchange, CLIENTS);
    struct exchange *server = NEW_ARRAY(sim_arena(), struct exchange, CLIENTS);
    struct exchange *down = NEW_ARRAY(sim_arena(), struct exchange, CLIENTS);
    struct pair p;
    struct scope scope;
    (void)arg;
    CHECK(pair_start_with(&p, &path, SIM_FEATURES, small(1, 64, 20 << 10), small(2, 64, 28 << 10)));
    scope_open(&scope, "crowd");
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(pair_connect(&p));
        up[i] = down[i] = (struct exchange){.stream = p.client, .n = BYTES};
        server[i] = (struct exchange){.stream = p.server};
        CHECK_OK(fiber_spawn(&scope, "up", fill_stream, &up[i]));
        CHECK_OK(fiber_spawn(&scope, "down", read_stream, &down[i]));
        CHECK_OK(fiber_spawn(&scope, "echo", echo, &server[i]));
    }
    u64 start = clock_mono_ns();
    CHECK_OK(scope_join(&scope, after_ms(100000)));
    printf("# %d echoes of %d bytes in %llu s\n", CLIENTS, BYTES,
           (unsigned long long)((clock_mono_ns() - start) / NS_PER_S));
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(down[i].got == BYTES && down[i].e == ERR_EOF);
        stream_close(down[i].stream);
    }
    (void)fiber_sleep_ns(200 * NS_PER_S);
    CHECK(pair_clean(&p));
    pair_end(&p);
}

TEST(a_crowd_in_little_memory)
{
    for (u64 seed = 1; seed <= 8 && !test_failed; seed++)
        sim_run(seed, crowd, NULL);
}

/* However little is left, what stream_room tells is taken without blocking: a fiber that
 * serves many relies on it. */
static void room_is_kept(void *arg)
{
    enum { CLIENTS = 30 };
    static const u8 much[64 << 10];
    static const size_t memory[] = {256 << 10, 8 << 10};
    (void)arg;
    for (size_t m = 0; m < COUNT(memory); m++) {
        struct pair p;
        struct stream *client[CLIENTS], *server[CLIENTS];
        CHECK(pair_start_with(&p, NULL, SIM_FEATURES, small(1, 64, AT(memory, m)), small(2, 64, 8 << 20)));
        for (int i = 0; i < CLIENTS; i++) {
            CHECK(pair_connect(&p));
            client[i] = p.client;
            server[i] = p.server;
            for (size_t room; (room = MIN(stream_room(p.server), sizeof much)) > 0;)
                CHECK_OK(stream_write(p.server, (struct view){much, room}, STREAM_COPY, 0));
        }
        printf("# %zu of %zu KiB written\n", stack_stats(p.a).buffer_used_bytes >> 10, AT(memory, m) >> 10);
        CHECK(stack_stats(p.a).buffer_used_bytes >= AT(memory, m) / 2);
        for (int i = 0; i < CLIENTS; i++) {
            stream_abort(client[i]);
            stream_abort(server[i]);
        }
        (void)fiber_sleep_ns(NS_PER_S);
        CHECK(pair_clean(&p));
        pair_end(&p);
    }
}

TEST(room_that_is_told_is_there)
{
    sim_run(1, room_is_kept, NULL);
}

/* More go into TIME_WAIT than the table holds, and through the same few ports. */
static void churn(void *arg)
{
    struct pair p;
    (void)arg;
    CHECK(pair_start_with(&p, NULL, SIM_FEATURES, small(1, 16, 256 << 10), small(2, 16, 256 << 10)));
    for (int i = 0; i < 3000; i++)
        CHECK(converse(&p, 100));
    printf("# after 3000 connections: %u in TIME_WAIT at the client, %u at the server\n",
           stack_stats(p.b).tcp_time_wait, stack_stats(p.a).tcp_time_wait);
    (void)fiber_sleep_ns(NS_PER_S);
    CHECK(stack_stats(p.b).tcp_time_wait <= 64 && stack_stats(p.a).tcp_time_wait <= 64);
    CHECK(pair_clean(&p));
    pair_end(&p);
}

TEST(time_wait_recycles_its_oldest)
{
    sim_run(1, churn, NULL);
}

/* A stream that is watched reports itself; nothing waits in a fiber. */
struct watcher {
    struct stream_ready ready;
    struct waiters waiters;
};

static void wake(struct stream_ready *r)
{
    waiters_wake_all(&CONTAINER(r, struct watcher, ready)->waiters);
}

static void watched(void *arg)
{
    struct pair p;
    struct watcher w = {.ready.wake = wake};
    (void)arg;
    CHECK(pair_start(&p, NULL, SIM_FEATURES));
    CHECK(pair_connect(&p));
    stream_watch(p.server, &w.ready);
    CHECK(list_empty(&w.ready.streams));
    CHECK_OK(stream_write(p.client, VIEW("knock"), STREAM_COPY, FOREVER));
    CHECK_OK(waiters_wait(&w.waiters, after_ms(100)));
    CHECK(list_pop(&w.ready.streams) == &p.server->ready);
    CHECK_EQ(stream_buffered(p.server), 5);
    stream_consume(p.server, 5);
    stream_abort(p.client);
    CHECK_OK(waiters_wait(&w.waiters, after_ms(100)));
    CHECK_EQ(stream_status(p.server), ERR_RESET);
    stream_close(p.server);
    CHECK(list_empty(&w.ready.streams)); /* a closed stream leaves the list */
    CHECK(pair_clean(&p));
    pair_end(&p);
}

TEST(watched_streams_report_themselves)
{
    sim_run(1, watched, NULL);
}

TESTS(CASE(every_allocation_fails_in_turn), CASE(a_thousand_slow_clients),
      CASE(those_who_do_not_read_cannot_take_all), CASE(room_that_is_told_is_there),
      CASE(a_crowd_in_little_memory), CASE(time_wait_recycles_its_oldest),
      CASE(watched_streams_report_themselves))
