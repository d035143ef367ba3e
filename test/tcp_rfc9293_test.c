/* Figure 5 of RFC 9293 walked by hand, with the windows and clocks around it. */
#include "net/internal.h"
#include "test/tcp_peer.h"

SCENARIO(three_way_handshake_and_text_both_ways)
{
    CHECK(peer_open(p, 5000));
    CHECK_EQ(p->in.options.mss, 1460);
    peer_say(p, TCP_ACK | TCP_PSH, VIEW("hello"));
    CHECK_EQ(stream_wait(p->stream, 0, after_ms(100)), OK);
    struct view piece;
    CHECK_EQ(stream_pieces(p->stream, (struct stream_pieces){&piece, 1}), 1);
    CHECK(view_eq(piece, VIEW("hello")));
    stream_consume(p->stream, 5);
    CHECK_EQ(stream_write(p->stream, VIEW("world"), STREAM_COPY, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 10)); /* the answer carries the ACK: one segment, not two */
    CHECK_EQ(p->in.ack, p->seq);
    CHECK(view_eq(p->in.payload, VIEW("world")));
    peer_ack(p, p->in.seq + 5, 65535);
    CHECK_EQ(stream_drain(p->stream, after_ms(100)), OK);
    CHECK(peer_end(p));
}

SCENARIO(peer_closes_first)
{
    CHECK(peer_open(p, 5000));
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE);
    CHECK_EQ(stream_wait(p->stream, 0, after_ms(100)), ERR_EOF);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK_EQ(peer_tcb(p)->state, TCP_CLOSE_WAIT);
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_ack(p, p->in.seq + 1, 65535);
    CHECK(peer_quiet(p, 1000));
    CHECK(peer_clean(p));
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 0);
    stack_close(p->stack);
}

SCENARIO(we_close_first_and_wait)
{
    CHECK(peer_open(p, 5000));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_ack(p, p->in.seq + 1, 65535);
    CHECK(peer_quiet(p, 100));
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK(peer_clean(p)); /* TIME_WAIT needs no control block */
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 1);
    p->seq--;
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE); /* our last ACK was lost */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    stack_close(p->stack);
}

SCENARIO(simultaneous_close)
{
    CHECK(peer_open(p, 5000));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    u32 fin = p->in.seq;
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE); /* crosses ours */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 0);
    peer_ack(p, fin + 1, 65535);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 1);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

struct dialling {
    struct peer *p;
    enum err e;
};

static void dials(void *arg)
{
    struct dialling *d = arg;
    d->e =
        dialer_dial(tcp_dialer(d->p->stack), (struct endpoint){ip4(PEER), 7}, &d->p->stream, after_ms(20000));
}

static bool dial(struct peer *p, struct scope *scope, struct dialling *d)
{
    scope_open(scope, "dial");
    *d = (struct dialling){.p = p, .e = ERR_COUNT};
    if (fiber_spawn(scope, "dial", dials, d) != OK || !peer_expect(p, TCP_SYN, 100))
        return false;
    p->port = 7;
    p->to_port = p->in.from_port;
    p->seq = 77000;
    p->ack = p->in.seq + 1;
    return true;
}

SCENARIO(simultaneous_open)
{
    struct scope scope;
    struct dialling d;
    CHECK(dial(p, &scope, &d));
    CHECK(p->in.options.has_time && p->in.options.sack_permitted && p->in.options.scale != TCP_SCALE_NONE);
    peer_send(p,
              (struct tcp_segment){.seq = p->seq++,
                                   .flags = TCP_SYN,
                                   .window = 65535,
                                   .options = {.mss = 1460, .scale = TCP_SCALE_NONE}},
              VIEW_NONE);
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 100));
    CHECK_EQ(p->in.ack, p->seq);
    peer_say(p, TCP_ACK, VIEW_NONE);
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
    CHECK_EQ(d.e, OK);
    CHECK_EQ(peer_tcb(p)->state, TCP_ESTABLISHED);
    CHECK(peer_end(p));
}

/* Both sides answer the other's SYN with a SYN-ACK (RFC 9293 Figure 7): each is an ACK too, so
 * that the two do not go on answering each other. */
SCENARIO(simultaneous_open_with_crossing_syn_acks)
{
    struct scope scope;
    struct dialling d;
    struct tcp_segment syn = {.flags = TCP_SYN, .window = 1000, .options = {.mss = 1460, .scale = 7}};
    CHECK(dial(p, &scope, &d));
    syn.seq = p->seq;
    peer_send(p, syn, VIEW_NONE);
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 100));
    syn.ack = p->ack;
    syn.flags |= TCP_ACK;
    peer_send(p, syn, VIEW_NONE);
    CHECK(peer_expect(p, TCP_ACK, 100));
    CHECK_EQ(p->in.ack, p->seq + 1);
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
    CHECK_EQ(d.e, OK);
    CHECK_EQ(peer_tcb(p)->snd_wnd, 1000); /* a SYN's window is not scaled */
    p->seq++;
    CHECK_EQ(stream_write(p->stream, text_of(1000), STREAM_STATIC, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 100));
    CHECK_EQ(p->in.payload.n, 1000);
    CHECK(peer_end(p));
}

SCENARIO(a_simultaneous_open_is_refused)
{
    struct scope scope;
    struct dialling d;
    CHECK(dial(p, &scope, &d));
    peer_send(p, (struct tcp_segment){.seq = p->seq, .flags = TCP_SYN, .window = 100}, VIEW_NONE);
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 100));
    peer_send(p, (struct tcp_segment){.seq = p->seq + 1, .flags = TCP_RST}, VIEW_NONE);
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
    CHECK_EQ(d.e, ERR_REFUSED);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(dialling_is_refused)
{
    struct scope scope;
    struct dialling d;
    CHECK(dial(p, &scope, &d));
    peer_send(p, (struct tcp_segment){.seq = 1, .ack = p->ack - 1, .flags = TCP_RST | TCP_ACK}, VIEW_NONE);
    peer_send(p, (struct tcp_segment){.seq = 1, .flags = TCP_RST}, VIEW_NONE);
    peer_send(p, (struct tcp_segment){.seq = 1, .ack = p->ack, .flags = TCP_ACK}, VIEW_NONE);
    CHECK(peer_quiet(p, 10)); /* an RST for something else is not believed, nor is an ACK alone */
    CHECK_EQ(d.e, ERR_COUNT);
    peer_send(p, (struct tcp_segment){.ack = p->ack, .flags = TCP_RST | TCP_ACK}, VIEW_NONE);
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
    CHECK_EQ(d.e, ERR_REFUSED);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(nobody_answers_the_dial)
{
    struct scope scope;
    struct dialling d;
    u64 start = clock_mono_ns();
    CHECK(dial(p, &scope, &d));
    CHECK(peer_expect(p, TCP_SYN, 1100));
    CHECK(peer_expect(p, TCP_SYN, 2100));
    CHECK(peer_expect(p, TCP_SYN, 4100));
    CHECK_EQ(scope_join(&scope, FOREVER), OK);
    CHECK_EQ(d.e, ERR_TIMEOUT);
    CHECK(clock_mono_ns() - start < 21 * NS_PER_S);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(half_close_by_us)
{
    CHECK(peer_open(p, 5000));
    CHECK_EQ(stream_finish(p->stream), OK);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    CHECK_EQ(stream_write(p->stream, VIEW("x"), STREAM_COPY, FOREVER), ERR_CLOSED);
    peer_ack(p, p->in.seq + 1, 65535);
    for (int i = 0; i < 3; i++) {
        (void)fiber_sleep_ns(100 * NS_PER_S); /* longer than FIN_WAIT_2 lasts for an orphan */
        peer_say(p, TCP_ACK, VIEW("more"));
        CHECK_EQ(stream_wait(p->stream, 0, after_ms(10)), OK);
        stream_consume(p->stream, 4);
    }
    peer_say(p, TCP_ACK | TCP_FIN, VIEW("last"));
    CHECK_EQ(stream_wait(p->stream, 3, after_ms(10)), OK);
    CHECK_EQ(stream_wait(p->stream, 4, after_ms(10)), ERR_EOF);
    CHECK_EQ(stream_buffered(p->stream), 4); /* what came before the FIN is still there */
    stream_close(p->stream);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(half_close_by_the_peer)
{
    CHECK(peer_open(p, 5000));
    peer_say(p, TCP_ACK | TCP_FIN, VIEW("ask"));
    CHECK_EQ(stream_wait(p->stream, 2, after_ms(10)), OK);
    CHECK_EQ(stream_status(p->stream), ERR_EOF);
    CHECK(peer_expect(p, TCP_ACK, 50));
    CHECK_EQ(stream_write(p->stream, VIEW("answer"), STREAM_COPY, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK(view_eq(p->in.payload, VIEW("answer")));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_ack(p, p->in.seq + 1, 65535);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* ---- windows ---- */

SCENARIO(closed_window_is_probed_and_reopens)
{
    CHECK(peer_open(p, 5000));
    peer_ack(p, p->ack, 0);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(stream_write(p->stream, text_of(3000), STREAM_STATIC, FOREVER), OK);
    u64 last = clock_mono_ns();
    for (int i = 0; i < 8; i++) { /* probes go on, ever further apart */
        CHECK(peer_expect(p, TCP_ACK, 130000));
        CHECK_EQ(p->in.payload.n, 0);
        CHECK_EQ(p->in.seq, p->ack - 1);
        CHECK(i < 2 || clock_mono_ns() - last > 300 * NS_PER_MS);
        last = clock_mono_ns();
        peer_ack(p, p->ack, 0);
    }
    peer_ack(p, p->ack, 65535);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.payload.n, 1460);
    CHECK_EQ(p->in.seq, p->ack);
    CHECK(peer_end(p));
}

SCENARIO(a_window_that_stays_small_is_used_all_the_same)
{
    CHECK(peer_open(p, 5000));
    peer_ack(p, p->ack, 100);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(stream_write(p->stream, text_of(250), STREAM_STATIC, FOREVER), OK);
    static const size_t sizes[] = {100, 100, 50};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        CHECK(peer_expect(p, TCP_ACK, 1000));
        CHECK_EQ(p->in.payload.n, AT(sizes, i));
        peer_ack(p, p->in.seq + (u32)p->in.payload.n, 100);
    }
    CHECK_EQ(stream_drain(p->stream, after_ms(10)), OK);
    CHECK(peer_end(p));
}

SCENARIO(a_slow_reader_closes_the_window_and_tells_when_it_opens)
{
    CHECK(peer_open(p, 5000));
    size_t sent = 0;
    while (sent < 65535) {
        size_t n = MIN((size_t)1460, 65535 - sent);
        peer_say(p, TCP_ACK, text_of(n));
        sent += n;
    }
    (void)fiber_sleep_ns(100 * NS_PER_MS);
    u16 least = UINT16_MAX;
    while (peer_next(p, 1))
        least = MIN(least, p->in.window);
    CHECK(least < 1460);
    CHECK_EQ(p->in.ack, p->seq);
    peer_say(p, TCP_ACK, VIEW("!")); /* into the closed window: refused with an ACK */
    CHECK(peer_expect(p, TCP_ACK, 50));
    p->seq -= least > 0 ? 0 : 1;
    size_t have = stream_buffered(p->stream);
    stream_consume(p->stream, 100);
    CHECK(peer_quiet(p, 50)); /* not worth a segment: silly window */
    stream_consume(p->stream, have - 100);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK(p->in.window > 60000);
    CHECK(peer_end(p));
}

SCENARIO(second_segment_is_acknowledged_at_once_one_alone_after_40_ms)
{
    CHECK(peer_open(p, 5000));
    peer_tcb(p)->quick_acks = 0;
    u64 start = clock_mono_ns();
    peer_say(p, TCP_ACK, text_of(1460));
    CHECK(peer_expect(p, TCP_ACK, 100));
    CHECK(clock_mono_ns() - start >= 40 * NS_PER_MS && clock_mono_ns() - start <= 43 * NS_PER_MS);
    start = clock_mono_ns();
    peer_say(p, TCP_ACK, text_of(1460));
    peer_say(p, TCP_ACK, text_of(1460));
    CHECK(peer_expect(p, TCP_ACK, 100));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK(clock_mono_ns() - start < NS_PER_MS);
    CHECK(peer_quiet(p, 100));
    CHECK(peer_end(p));
}

SCENARIO(held_bytes_leave_in_whole_segments)
{
    CHECK(peer_open(p, 5000));
    stream_hold(p->stream, true);
    CHECK_EQ(stream_write(p->stream, text_of(1000), STREAM_COPY, FOREVER), OK);
    CHECK(peer_quiet(p, 500));
    CHECK_EQ(stream_write(p->stream, text_of(1000), STREAM_COPY, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.payload.n, 1460);
    CHECK(peer_quiet(p, 100));
    stream_hold(p->stream, false);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.payload.n, 540);
    CHECK(peer_end(p));
}

/* The connection ended while bytes were held: to let go of them sends nothing any more, and
 * leaves nothing in the queue of those who want to send. */
SCENARIO(held_bytes_of_a_connection_that_is_over)
{
    CHECK(peer_open(p, 5000));
    stream_hold(p->stream, true);
    CHECK_EQ(stream_write(p->stream, text_of(1000), STREAM_COPY, FOREVER), OK);
    (void)fiber_sleep_ns(NS_PER_MS);
    peer_send(p, (struct tcp_segment){.seq = p->seq, .flags = TCP_RST}, VIEW_NONE);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(stream_status(p->stream), ERR_RESET);
    stream_hold(p->stream, false);
    CHECK(list_empty(&stack_tcp(p->stack)->output));
    stream_close(p->stream);
    CHECK(peer_clean(p) && peer_quiet(p, 100));
    stack_close(p->stack);
}

/* The ACK that opened the window again was lost: the hold does not keep us from asking. */
SCENARIO(a_closed_window_is_probed_while_bytes_are_held)
{
    CHECK(peer_open(p, 5000));
    peer_ack(p, p->ack, 0);
    (void)fiber_sleep_ns(NS_PER_MS);
    stream_hold(p->stream, true);
    CHECK_EQ(stream_write(p->stream, text_of(3000), STREAM_STATIC, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 10000));
    CHECK_EQ(p->in.seq, p->ack - 1);
    peer_ack(p, p->ack, 65535);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.payload.n, 1460);
    CHECK(peer_end(p));
}

SCENARIO(text_out_of_order_is_put_in_order)
{
    CHECK(peer_open_modern(p, 5000));
    u32 base = p->seq;
    static const struct {
        u32 at;
        const char *text;
    } parts[] = {{3, "de"}, {8, "i"}, {1, "bcd"}, {5, "fgh"}, {0, "ab"}};
    for (size_t i = 0; i < COUNT(parts); i++) {
        p->seq = base + parts[i].at;
        peer_say(p, TCP_ACK, view_z(parts[i].text));
    }
    CHECK_EQ(stream_wait(p->stream, 8, after_ms(10)), OK);
    u8 got[9];
    struct view pieces[9];
    size_t n = stream_pieces(p->stream, (struct stream_pieces){pieces, 9}), at = 0;
    for (size_t i = 0; i < n; i++) {
        copy(span_from(SPAN_OF(got), at), pieces[i]);
        at += pieces[i].n;
    }
    CHECK(view_eq(view_first(VIEW_OF(got), at), VIEW("abcdefghi")));
    CHECK(peer_end(p));
}

/* ---- clocks ---- */

SCENARIO(keepalive_asks_and_gives_up)
{
    CHECK(peer_open(p, 5000));
    CHECK(peer_quiet(p, 7190 * 1000));
    CHECK(peer_expect(p, TCP_ACK, 20000));
    CHECK_EQ(p->in.seq, p->ack - 1);
    peer_ack(p, p->ack, 65535); /* lives: two more hours */
    CHECK(peer_quiet(p, 7190 * 1000));
    for (int i = 0; i < 9; i++)
        CHECK(peer_expect(p, TCP_ACK, 80000));
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 80000));
    CHECK_EQ(stream_status(p->stream), ERR_TIMEOUT);
    stream_close(p->stream);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(a_closed_stream_does_not_wait_for_ever)
{
    CHECK(peer_open(p, 5000));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_ack(p, p->in.seq + 1, 65535);
    (void)fiber_sleep_ns(61 * NS_PER_S); /* FIN_WAIT_2 */
    CHECK(peer_clean(p));
    CHECK(peer_open(p, 5001));
    CHECK_EQ(stream_write(p->stream, text_of(5000), STREAM_STATIC, FOREVER), OK);
    stream_close(p->stream);
    while (peer_next(p, 130000) && !(p->in.flags & TCP_RST))
        continue; /* retransmissions, to nobody */
    CHECK(p->in.flags & TCP_RST);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* FIN_WAIT_2 of a closed stream costs no control block, and still does what Figure 5 says. */
SCENARIO(a_closed_stream_waits_for_the_peer_in_a_record)
{
    CHECK(peer_open_modern(p, 5000));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_ack(p, p->in.seq + 1, 65535);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK(peer_clean(p));
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 1);
    /* Not for it: an old duplicate, a probe, a SYN, an RST and text by somebody who only guesses. */
    u32 seq = p->seq, ack = p->ack;
    struct tcp_segment bad[] = {
        {.seq = seq - 10, .ack = ack, .flags = TCP_ACK},
        {.seq = seq - 1, .ack = ack, .flags = TCP_ACK},
        {.seq = seq + 9000, .flags = TCP_SYN},
        {.seq = seq + 10, .ack = ack + 1, .flags = TCP_ACK},
        {.seq = seq, .ack = ack + 1, .flags = TCP_ACK | TCP_FIN},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        AT(bad, i).options = peer_options(p);
        peer_send(p, AT(bad, i), i == 0 || i == 3 ? text_of(10) : VIEW_NONE);
        CHECK(peer_expect(p, TCP_ACK, 10));
        CHECK_EQ(p->in.seq, ack);
        CHECK_EQ(p->in.ack, seq);
    }
    peer_send(p, (struct tcp_segment){.seq = seq + 1, .flags = TCP_RST}, VIEW_NONE);
    peer_say(p, TCP_ACK, VIEW_NONE);
    CHECK(peer_quiet(p, 10));
    (void)fiber_sleep_ns(50 * NS_PER_S);
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE); /* TIME_WAIT, from now on */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK_EQ(p->in.options.time_echo, p->tsval);
    (void)fiber_sleep_ns(50 * NS_PER_S);
    peer_send(p, (struct tcp_segment){.seq = p->seq, .ack = p->ack, .flags = TCP_RST}, VIEW_NONE);
    p->seq--;
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE); /* our ACK was lost */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 1);
    stack_close(p->stack);
}

/* The same for a stream that was finished first and closed when its FIN had long arrived;
 * the peer's reset ends it, and so does its silence. */
SCENARIO(a_record_of_a_closed_stream_ends)
{
    for (u16 port = 5000; port < 5003; port++) {
        CHECK(peer_open(p, port));
        CHECK_EQ(stream_finish(p->stream), OK);
        CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
        peer_ack(p, p->in.seq + 1, 65535);
        (void)fiber_sleep_ns(NS_PER_MS);
        CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 0);
        stream_close(p->stream);
        CHECK(peer_clean(p));
        CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 1);
        if (port == 5000) {
            peer_send(p, (struct tcp_segment){.seq = p->seq, .flags = TCP_RST}, VIEW_NONE);
            (void)fiber_sleep_ns(NS_PER_MS);
        } else if (port == 5001) {
            peer_say(p, TCP_ACK, VIEW("late"));
            CHECK(peer_expect(p, TCP_ACK | TCP_RST, 10));
            CHECK_EQ(p->in.seq, p->ack);
        } else {
            (void)fiber_sleep_ns(61 * NS_PER_S);
            peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE);
            CHECK(peer_expect(p, TCP_RST, 10));
        }
        CHECK_EQ(stack_stats(p->stack).tcp_time_wait, port == 5002);
    }
    stack_close(p->stack);
}

/* 32 bits of milliseconds go round in 49.7 days: a record must not rise from the dead after 25. */
SCENARIO(time_wait_is_over_after_a_quiet_month)
{
    CHECK(peer_open(p, 5000));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    p->ack++;
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE);
    CHECK(peer_expect(p, TCP_ACK, 10));
    (void)fiber_sleep_ns((u64)30 * 24 * 3600 * NS_PER_S);
    p->seq -= 100000; /* so that it is new to nobody who remembers */
    peer_send(p, (struct tcp_segment){.seq = p->seq, .flags = TCP_SYN, .window = 100}, VIEW_NONE);
    CHECK(peer_expect(p, TCP_ACK | TCP_SYN, 10));
    CHECK_EQ(p->in.ack, p->seq + 1);
    stack_close(p->stack);
}

SCENARIO(text_for_a_closed_stream_is_answered_with_reset)
{
    CHECK(peer_open(p, 5000));
    CHECK_EQ(stream_write(p->stream, VIEW("bye"), STREAM_COPY, FOREVER), OK);
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    peer_say(p, TCP_ACK, VIEW("late")); /* before our text has arrived: taken and dropped */
    CHECK(peer_expect(p, TCP_ACK, 100));
    peer_ack(p, p->ack + 4, 65535);
    peer_say(p, TCP_ACK, VIEW("later"));
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 100));
    CHECK(peer_clean(p));
    CHECK(peer_open(p, 5001));
    stream_close(p->stream);
    CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    p->ack++;
    peer_say(p, TCP_ACK, VIEW("with the ACK of our FIN"));
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 100));
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* ---- LISTEN ---- */

SCENARIO(nobody_listens)
{
    p->port = 5000;
    p->to_port = 81;
    peer_send(p, (struct tcp_segment){.seq = 10, .flags = TCP_SYN, .options.scale = TCP_SCALE_NONE},
              VIEW_NONE);
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 100));
    CHECK_EQ(p->in.ack, 11);
    peer_send(p, (struct tcp_segment){.seq = 10, .ack = 99, .flags = TCP_ACK}, text_of(5));
    CHECK(peer_expect(p, TCP_RST, 100));
    CHECK_EQ(p->in.seq, 99);
    peer_send(p, (struct tcp_segment){.seq = 10, .flags = TCP_RST}, VIEW_NONE);
    CHECK(peer_quiet(p, 100));
    stack_close(p->stack);
}

SCENARIO(lost_syn_ack_is_sent_again_and_given_up)
{
    p->port = 5000;
    peer_send(
        p,
        (struct tcp_segment){
            .seq = 10, .flags = TCP_SYN, .window = 100, .options = {.mss = 1460, .scale = TCP_SCALE_NONE}},
        VIEW_NONE);
    for (int i = 0; i < 5; i++)
        CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 17000));
    CHECK(peer_quiet(p, 60000));
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* … and nobody else: who was accepted stays. */
SCENARIO(a_closed_listener_resets_who_waits)
{
    CHECK(peer_open(p, 4999));
    struct stream *accepted = p->stream;
    u32 seq = p->seq, ack = p->ack;
    CHECK(peer_open_with(p, 5000, (struct tcp_options){.mss = 1460, .scale = TCP_SCALE_NONE}));
    (void)fiber_sleep_ns(NS_PER_MS);
    listener_close(p->listener);
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 100));
    CHECK_EQ(stack_stats(p->stack).tcp_open, 1);
    p->port = 4999;
    p->seq = seq;
    p->ack = ack;
    peer_say(p, TCP_ACK, VIEW("here"));
    CHECK_EQ(stream_wait(accepted, 3, after_ms(10)), OK);
    stream_abort(accepted);
    CHECK(peer_clean(p));
    CHECK_EQ(listener_accept(p->listener, &p->stream, after_ms(10)), ERR_CLOSED);
    stack_close(p->stack);
}

TESTS(CASE(three_way_handshake_and_text_both_ways), CASE(peer_closes_first), CASE(we_close_first_and_wait),
      CASE(simultaneous_close), CASE(simultaneous_open), CASE(simultaneous_open_with_crossing_syn_acks),
      CASE(a_simultaneous_open_is_refused), CASE(dialling_is_refused), CASE(nobody_answers_the_dial),
      CASE(half_close_by_us), CASE(half_close_by_the_peer), CASE(closed_window_is_probed_and_reopens),
      CASE(a_window_that_stays_small_is_used_all_the_same),
      CASE(a_slow_reader_closes_the_window_and_tells_when_it_opens),
      CASE(second_segment_is_acknowledged_at_once_one_alone_after_40_ms),
      CASE(held_bytes_leave_in_whole_segments), CASE(held_bytes_of_a_connection_that_is_over),
      CASE(a_closed_window_is_probed_while_bytes_are_held), CASE(text_out_of_order_is_put_in_order),
      CASE(keepalive_asks_and_gives_up), CASE(a_closed_stream_does_not_wait_for_ever),
      CASE(a_closed_stream_waits_for_the_peer_in_a_record), CASE(a_record_of_a_closed_stream_ends),
      CASE(time_wait_is_over_after_a_quiet_month), CASE(text_for_a_closed_stream_is_answered_with_reset),
      CASE(nobody_listens), CASE(lost_syn_ack_is_sent_again_and_given_up),
      CASE(a_closed_listener_resets_who_waits))
