/* The simulator's streams without a network. */
#include "base/hash.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "test/test.h"

static bool done;

static void run(void (*fn)(void *arg), u64 seed)
{
    done = false;
    sim_run(seed, fn, NULL);
}

/* Takes everything that has arrived, through however many pieces it needs. */
static size_t take_all(struct stream *s, struct writer *w)
{
    struct view parts[8];
    size_t total = 0;
    for (size_t n; (n = stream_pieces(s, (struct stream_pieces){parts, COUNT(parts)})) > 0;) {
        size_t bytes = 0;
        for (size_t i = 0; i < n; i++) {
            put_bytes(w, AT(parts, i));
            bytes += AT(parts, i).n;
        }
        stream_consume(s, bytes);
        total += bytes;
    }
    return total;
}

static void hello(void *arg)
{
    (void)arg;
    struct stream *a, *b;
    sim_pipe(&a, &b, (struct sim_pipe_options){.latency_ns = 10 * NS_PER_MS});
    u64 before = loop_now();
    CHECK_EQ(stream_write(a, VIEW("hello"), STREAM_STATIC, FOREVER), OK);
    CHECK_EQ(stream_buffered(b), 0);
    CHECK_EQ(stream_wait(b, 0, before + NS_PER_MS), ERR_TIMEOUT);
    CHECK_EQ(stream_wait(b, 4, FOREVER), OK);
    CHECK(loop_now() - before >= 10 * NS_PER_MS);
    u8 text[16];
    struct writer w = writer_of(SPAN_OF(text));
    CHECK_EQ(take_all(b, &w), 5);
    CHECK(view_eq(written(&w), VIEW("hello")));
    CHECK_EQ(stream_finish(a), OK);
    CHECK_EQ(stream_write(a, VIEW("more"), STREAM_STATIC, FOREVER), ERR_CLOSED);
    CHECK_EQ(stream_status(b), OK);
    CHECK_EQ(stream_wait(b, 0, FOREVER), ERR_EOF);
    CHECK_EQ(stream_status(b), ERR_EOF);
    /* Half closed: the other direction goes on. */
    CHECK_EQ(stream_write(b, VIEW("bye"), STREAM_COPY, FOREVER), OK);
    CHECK_EQ(stream_drain(b, FOREVER), OK);
    CHECK_EQ(stream_buffered(a), 3);
    stream_close(a);
    CHECK_EQ(stream_write(b, VIEW("bye"), STREAM_COPY, FOREVER), ERR_RESET);
    stream_close(b);
    done = true;
}

TEST(what_is_written_arrives_after_the_latency_and_ends_with_eof)
{
    run(hello, 1);
    CHECK(done);
}

/* ---- any amount, any sizes -------------------------------------------------------- */

enum { TOTAL = 20000 };

struct transfer {
    struct stream *from, *to;
    u64 sent, received; /* hashes */
};

static u8 byte_at(size_t i)
{
    return (u8)((i * 7 + i / 251) & 0xff);
}

static void sends(void *arg)
{
    struct transfer *t = arg;
    u8 chunk[700];
    for (size_t at = 0; at < TOTAL;) {
        size_t n = 1 + random_below(sim_random(), sizeof chunk);
        n = n < TOTAL - at ? n : TOTAL - at;
        for (size_t i = 0; i < n; i++)
            AT(chunk, i) = byte_at(at + i);
        CHECK_EQ(stream_write(t->from, view_first(VIEW_OF(chunk), n), STREAM_COPY, FOREVER), OK);
        at += n;
        fill(SPAN_OF(chunk), 0);
    }
    stream_close(t->from);
}

static void transfers(void *arg)
{
    const struct sim_pipe_options *options = arg;
    struct transfer t;
    sim_pipe(&t.from, &t.to, *options);
    struct scope s;
    scope_open(&s, "transfer");
    CHECK_EQ(fiber_spawn(&s, "sender", sends, &t), OK);
    size_t at = 0;
    enum err e;
    while ((e = stream_wait(t.to, 0, FOREVER)) == OK) {
        struct view part;
        size_t n = stream_pieces(t.to, (struct stream_pieces){&part, 1});
        CHECK_EQ(n, 1);
        CHECK(!options->scatter_bytes || part.n <= options->scatter_bytes);
        size_t take = 1 + random_below(sim_random(), part.n);
        for (size_t i = 0; i < take; i++)
            CHECK_EQ(view_at(part, i), byte_at(at + i));
        stream_consume(t.to, take);
        at += take;
    }
    CHECK_EQ(e, ERR_EOF);
    CHECK_EQ(at, TOTAL);
    stream_close(t.to);
    CHECK_EQ(scope_join(&s, FOREVER), OK);
    done = true;
}

TEST(every_byte_arrives_in_order_whatever_the_sizes)
{
    static const struct sim_pipe_options shapes[] = {
        {0},
        {.buffer_bytes = 1},
        {.buffer_bytes = 100, .piece_bytes = 1},
        {.buffer_bytes = 333, .scatter_bytes = 10, .latency_ns = NS_PER_MS},
        {.buffer_bytes = 4096, .piece_bytes = 13, .scatter_bytes = 1},
    };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        done = false;
        struct sim_pipe_options shape = AT(shapes, i);
        sim_run(i, transfers, &shape);
        CHECK(done);
    }
}

/* ---- endings ------------------------------------------------------------------------- */

static void aborts(void *arg)
{
    (void)arg;
    struct stream *a, *b;
    sim_pipe(&a, &b, (struct sim_pipe_options){.buffer_bytes = 8});
    CHECK_EQ(stream_write(a, VIEW("12345678"), STREAM_COPY, FOREVER), OK);
    CHECK_EQ(stream_room(a), 0);
    CHECK_EQ(stream_write(a, VIEW("9"), STREAM_COPY, loop_now() + NS_PER_MS), ERR_TIMEOUT);
    CHECK_EQ(stream_wait(b, 7, FOREVER), OK);
    CHECK_EQ(stream_wait(b, 8, FOREVER), ERR_LIMIT);
    stream_abort(a);
    CHECK_EQ(stream_buffered(b), 8);
    CHECK_EQ(stream_status(b), ERR_RESET);
    CHECK_EQ(stream_wait(b, 8, FOREVER), ERR_RESET);
    CHECK_EQ(stream_write(b, VIEW("x"), STREAM_COPY, FOREVER), ERR_RESET);
    stream_abort(b);
    done = true;
}

TEST(an_abort_is_seen_as_a_reset)
{
    run(aborts, 1);
    CHECK(done);
}

struct watch {
    struct stream_ready ready;
    struct waiters w;
};

static void wake(struct stream_ready *r)
{
    waiters_wake_all(&CONTAINER(r, struct watch, ready)->w);
}

static void watches(void *arg)
{
    (void)arg;
    struct watch me = {.ready.wake = wake};
    struct stream *a[3], *b[3];
    for (size_t i = 0; i < COUNT(a); i++) {
        sim_pipe(&AT(a, i), &AT(b, i), (struct sim_pipe_options){.latency_ns = i * 10 * NS_PER_MS});
        stream_watch(AT(b, i), &me.ready);
    }
    CHECK(list_empty(&me.ready.streams));
    CHECK_EQ(stream_write(a[2], VIEW("two"), STREAM_COPY, FOREVER), OK);
    CHECK_EQ(stream_write(a[1], VIEW("one"), STREAM_COPY, FOREVER), OK);
    stream_close(a[0]);
    static const size_t order[] = {0, 1, 2};
    for (size_t i = 0; i < COUNT(order); i++) {
        while (list_empty(&me.ready.streams))
            CHECK_EQ(waiters_wait(&me.w, FOREVER), OK);
        struct link *l = list_pop(&me.ready.streams);
        CHECK(CONTAINER(l, struct stream, ready) == AT(b, AT(order, i)));
    }
    for (size_t i = 0; i < COUNT(a); i++)
        stream_close(AT(b, i));
    stream_close(a[1]);
    stream_close(a[2]);
    done = true;
}

TEST(one_fiber_watches_many_streams)
{
    run(watches, 1);
    CHECK(done);
}

static void holds(void *arg)
{
    (void)arg;
    struct stream *a, *b;
    sim_pipe(&a, &b, (struct sim_pipe_options){0});
    stream_hold(a, true);
    CHECK_EQ(stream_write(a, VIEW("head"), STREAM_COPY, FOREVER), OK);
    CHECK_EQ(fiber_sleep_ns(NS_PER_MS), OK);
    CHECK_EQ(stream_buffered(b), 0);
    CHECK_EQ(stream_write(a, VIEW("body"), STREAM_COPY, FOREVER), OK);
    stream_hold(a, false);
    CHECK_EQ(stream_wait(b, 0, FOREVER), OK);
    CHECK_EQ(stream_buffered(b), 8);
    stream_close(a);
    stream_close(b);
    done = true;
}

TEST(what_is_held_arrives_together)
{
    run(holds, 1);
    CHECK(done);
}

/* ---- listeners -------------------------------------------------------------------------- */

static void accepts(void *arg)
{
    struct stream *s;
    CHECK_EQ(listener_accept(arg, &s, FOREVER), OK);
    CHECK_EQ(stream_remote(s).port, 40001);
    CHECK_EQ(stream_local(s).port, 8080);
    CHECK_EQ(stream_write(s, VIEW("hi"), STREAM_COPY, FOREVER), OK);
    stream_close(s);
    CHECK_EQ(listener_accept(arg, &s, FOREVER), ERR_CLOSED);
    done = true;
}

static void dials(void *arg)
{
    (void)arg;
    struct listener *l;
    struct dialer *d;
    struct stream *s;
    sim_listener(&l, &d, (struct sim_pipe_options){0});
    struct scope scope;
    scope_open(&scope, "server");
    CHECK_EQ(fiber_spawn(&scope, "acceptor", accepts, l), OK);
    struct endpoint to = {ip4(0x0a000009), 8080};
    CHECK_EQ(dialer_dial(d, to, &s, FOREVER), OK);
    CHECK_EQ(stream_wait(s, 1, FOREVER), OK);
    stream_close(s);
    listener_close(l);
    CHECK_EQ(dialer_dial(d, to, &s, FOREVER), ERR_REFUSED);
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
}

TEST(a_dialer_reaches_its_listener)
{
    run(dials, 1);
    CHECK(done);
}

TESTS(CASE(what_is_written_arrives_after_the_latency_and_ends_with_eof),
      CASE(every_byte_arrives_in_order_whatever_the_sizes), CASE(an_abort_is_seen_as_a_reset),
      CASE(one_fiber_watches_many_streams), CASE(what_is_held_arrives_together),
      CASE(a_dialer_reaches_its_listener))
