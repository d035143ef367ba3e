/* sig/stream.h over TCP: what each call answers, in each state of a connection. */
#include "net/internal.h"
#include "test/tcp_pair.h"

#define WORLD(name)                                      \
    static void name##_run(struct pair *p);              \
    static void name##_start(void *arg)                  \
    {                                                    \
        struct pair p;                                   \
        (void)arg;                                       \
        CHECK(pair_start(&p, NULL, SIM_FEATURES));       \
        name##_run(&p);                                  \
        if (test_failed)                                 \
            return;                                      \
        (void)fiber_sleep_ns(NS_PER_S);                  \
        CHECK(pair_clean(&p));                           \
        pair_end(&p);                                    \
    }                                                    \
    TEST(name)                                           \
    {                                                    \
        sim_run(1, name##_start, NULL);                  \
    }                                                    \
    static void name##_run(struct pair *p)

WORLD(names_of_both_ends)
{
    CHECK(pair_connect(p));
    struct endpoint here = stream_local(p->client), there = stream_remote(p->client);
    CHECK(endpoint_eq(there, pair_server));
    CHECK(endpoint_eq(here, stream_remote(p->server)));
    CHECK(endpoint_eq(there, stream_local(p->server)));
    CHECK(here.port >= 32768);
    stream_abort(p->client);
    stream_abort(p->server);
}

WORLD(listening_has_its_errors)
{
    struct listener *l, *more[TCP_LISTENERS_MAX];
    struct stream *s;
    CHECK_EQ(tcp_listen(p->a, 80, 5, &l), ERR_EXISTS);
    CHECK_EQ(tcp_listen(p->a, 0, 5, &l), ERR_INVALID);
    CHECK_EQ(tcp_listen(p->a, 81, 0, &l), ERR_INVALID);
    for (u16 i = 0; i < TCP_LISTENERS_MAX - 1; i++)
        CHECK_OK(tcp_listen(p->a, (u16)(100 + i), 5, &more[i]));
    CHECK_EQ(tcp_listen(p->a, 200, 5, &l), ERR_NO_MEMORY);
    listener_close(more[3]);
    CHECK_OK(tcp_listen(p->a, 200, 5, &l)); /* a closed one's place is used again */
    CHECK_EQ(listener_accept(l, &s, after_ms(10)), ERR_TIMEOUT);
    CHECK_EQ(dialer_dial(tcp_dialer(p->b), (struct endpoint){pair_server.ip, 103}, &s, after_ms(1000)),
             ERR_REFUSED);
}

WORLD(room_shrinks_and_returns)
{
    CHECK(pair_connect(p));
    size_t room = stream_room(p->client);
    CHECK(room >= 200 << 10);
    CHECK_OK(stream_write(p->client, VIEW("12345"), STREAM_COPY, FOREVER));
    CHECK_EQ(stream_room(p->client), room - 5);
    CHECK_OK(stream_drain(p->client, after_ms(1000)));
    CHECK_EQ(stream_room(p->client), room);
    CHECK_OK(stream_finish(p->client));
    CHECK_EQ(stream_room(p->client), 0);
    stream_close(p->client);
    stream_close(p->server);
}

/* Nobody reads: the writer blocks, and goes on once somebody does. */
WORLD(a_full_stream_blocks_its_writer)
{
    static u8 much[1 << 20];
    CHECK(pair_connect(p));
    CHECK_EQ(stream_write(p->client, VIEW_OF(much), STREAM_COPY, after_ms(500)), ERR_TIMEOUT);
    CHECK(stream_buffered(p->server) >= 180 << 10);
    CHECK_EQ(stream_room(p->client), 0);
    CHECK_EQ(stream_wait(p->server, 1 << 20, after_ms(10)), ERR_LIMIT); /* that much is never buffered */
    while (stream_wait(p->server, 0, after_ms(1000)) == OK)
        stream_consume(p->server, stream_buffered(p->server));
    CHECK(stream_room(p->client) > 0);
    stream_abort(p->client);
    stream_abort(p->server);
}

WORLD(after_a_reset_every_call_says_so)
{
    static const u8 much[2000];
    CHECK(pair_connect(p));
    CHECK_OK(stream_write(p->client, VIEW("last words"), STREAM_COPY, FOREVER));
    CHECK_OK(stream_wait(p->server, 9, after_ms(100)));
    stream_abort(p->client);
    CHECK_EQ(stream_wait(p->server, 10, after_ms(100)), ERR_RESET);
    CHECK_EQ(stream_status(p->server), ERR_RESET);
    CHECK_EQ(stream_buffered(p->server), 10); /* what had arrived can still be read */
    CHECK_EQ(stream_write(p->server, VIEW_OF(much), STREAM_STATIC, FOREVER), ERR_RESET);
    CHECK_EQ(stream_finish(p->server), ERR_RESET);
    CHECK_EQ(stream_room(p->server), 0);
    stream_consume(p->server, 10);
    stream_close(p->server);
}

WORLD(after_a_finish_there_is_nothing_to_write)
{
    CHECK(pair_connect(p));
    CHECK_OK(stream_finish(p->client));
    CHECK_EQ(stream_finish(p->client), ERR_CLOSED);
    CHECK_EQ(stream_wait(p->server, 0, after_ms(100)), ERR_EOF);
    CHECK_OK(stream_finish(p->server));
    CHECK_EQ(stream_wait(p->client, 0, after_ms(100)), ERR_EOF);
    CHECK_OK(stream_drain(p->client, after_ms(100)));
    CHECK_EQ(stream_write(p->client, VIEW("x"), STREAM_COPY, FOREVER), ERR_CLOSED);
    stream_close(p->client);
    stream_close(p->server);
    CHECK_EQ(stack_stats(p->b).tcp_time_wait, 1);
}

WORLD(closed_while_the_peer_still_may_send)
{
    CHECK(pair_connect(p));
    CHECK_OK(stream_finish(p->client));
    CHECK_OK(stream_drain(p->client, after_ms(100)));
    stream_close(p->client); /* in FIN_WAIT_2 */
    CHECK_OK(stream_write(p->server, VIEW("to nobody"), STREAM_COPY, FOREVER));
    CHECK_EQ(stream_drain(p->server, after_ms(1000)), ERR_RESET);
    stream_close(p->server);
}

struct dialling {
    struct pair *p;
    struct endpoint to;
    enum err e;
};

static void dial(void *arg)
{
    struct dialling *d = arg;
    struct stream *s;
    d->e = dialer_dial(tcp_dialer(d->p->b), d->to, &s, FOREVER);
}

WORLD(a_cancelled_dial_leaves_nothing)
{
    struct scope scope;
    struct dialling d = {.p = p, .to = pair_server};
    sim_unplug(p->a_dev, true);
    scope_open(&scope, "dial");
    CHECK_OK(fiber_spawn(&scope, "dial", dial, &d));
    (void)fiber_sleep_ns(100 * NS_PER_MS);
    scope_cancel(&scope);
    scope_leave(&scope);
    CHECK_EQ(d.e, ERR_CANCELED);
    CHECK_EQ(stack_stats(p->b).tcp_open, 0);
    sim_unplug(p->a_dev, false);
}

/* An ICMP error ends a dial (RFC 1122 §4.2.3.9), whatever state others are in. */
WORLD(an_unreachable_host_ends_the_dial)
{
    struct scope scope;
    struct dialling d = {.p = p, .to = pair_server};
    d.to.port = 99;
    CHECK(pair_connect(p));
    sim_unplug(p->a_dev, true);
    scope_open(&scope, "dial");
    CHECK_OK(fiber_spawn(&scope, "dial", dial, &d));
    (void)fiber_sleep_ns(100 * NS_PER_MS);
    struct tcp *t = stack_tcp(p->b);
    struct endpoint us = stream_local(p->client);
    for (u32 port = 32768; port < 65536; port++) {
        struct tcp_tuple tuple = {us.ip, d.to.ip, (u16)port, 99};
        struct tcb *c = tcp_find(t, &tuple);
        us.port = (u16)port;
        if (c)
            (void)tcp_icmp(p->b, ERR_UNREACHABLE, us, d.to, c->iss, 0);
    }
    CHECK_OK(scope_join(&scope, after_ms(10)));
    CHECK_EQ(d.e, ERR_UNREACHABLE);
    CHECK_EQ(stream_status(p->client), OK);
    sim_unplug(p->a_dev, false);
    stream_abort(p->client);
    stream_abort(p->server);
}

/* Static data is sent from where it lies, larger than any buffer. */
WORLD(static_data_needs_no_buffer)
{
    static u8 large[3 << 20];
    CHECK(pair_connect(p));
    for (size_t i = 0; i < sizeof large; i++)
        AT(large, i) = pattern_at(i);
    CHECK_OK(stream_write(p->server, VIEW_OF(large), STREAM_STATIC, after_ms(1)));
    CHECK_EQ(stack_stats(p->a).buffer_used_bytes, TCP_BLOCK_SIZE);
    stream_close(p->server); /* and is still delivered */
    enum err why;
    CHECK_EQ(pattern_read(p->client, SIZE_MAX, 0, &why), sizeof large);
    CHECK_EQ(why, ERR_EOF);
    stream_close(p->client);
}

/* Static bytes cost a block a piece: a writer of many waits for the ACKs of the first. */
WORLD(static_writes_wait_for_blocks)
{
    enum { PIECE = 600, PIECES = 1000 };
    static u8 bytes[PIECE * PIECES];
    u32 waited = 0;
    CHECK(pair_connect(p));
    for (size_t i = 0; i < sizeof bytes; i++)
        AT(bytes, i) = pattern_at(i);
    sim_unplug(p->b_dev, true); /* no ACK, for now */
    for (size_t i = 0; i < PIECES; i++) {
        struct view piece = view_sub(VIEW_OF(bytes), i * PIECE, PIECE);
        enum err e = stream_write(p->server, piece, STREAM_STATIC, after_ms(waited ? 10000 : 10));
        if (e == ERR_TIMEOUT && !waited++) {
            sim_unplug(p->b_dev, false);
            i--;
            continue;
        }
        CHECK_OK(e);
        while (waited && stream_buffered(p->client) > 0) {
            struct view got;
            CHECK(stream_pieces(p->client, (struct stream_pieces){&got, 1}) == 1);
            stream_consume(p->client, got.n);
        }
    }
    CHECK_EQ(waited, 1);
    stream_abort(p->server);
    stream_abort(p->client);
}

/* The path has become narrow, which one segment does not know yet: it goes in fragments. */
WORLD(a_segment_that_the_path_no_longer_carries)
{
    u8 got[1400];
    CHECK(pair_connect(p));
    for (size_t at = 0; at < sizeof got; at += 700) /* two blocks, so two parts */
        CHECK_OK(pattern_write(p->server, at, 700, 700, STREAM_COPY));
    path_learn(p->a, 0x0a000002, 600, clock_mono_ns());
    CHECK_OK(stream_wait(p->client, sizeof got - 1, after_ms(1000)));
    struct view pieces[8];
    size_t n = stream_pieces(p->client, (struct stream_pieces){pieces, 8}), at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < pieces[i].n; j++)
            CHECK(pieces[i].p[j] == pattern_at(at++));
    CHECK_EQ(at, sizeof got);
    CHECK_EQ(stack_stats(p->a).tcp_retransmits, 0);
    CHECK_EQ(CONTAINER(p->server, struct tcb, stream)->mss, 600 - 40 - 12);
    stream_abort(p->server);
    stream_abort(p->client);
}

TESTS(CASE(static_writes_wait_for_blocks), CASE(a_segment_that_the_path_no_longer_carries),
      CASE(names_of_both_ends), CASE(listening_has_its_errors), CASE(room_shrinks_and_returns),
      CASE(a_full_stream_blocks_its_writer), CASE(after_a_reset_every_call_says_so),
      CASE(after_a_finish_there_is_nothing_to_write), CASE(closed_while_the_peer_still_may_send),
      CASE(a_cancelled_dial_leaves_nothing), CASE(an_unreachable_host_ends_the_dial),
      CASE(static_data_needs_no_buffer))
