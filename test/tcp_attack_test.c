/* Attacks and accidents, each named after what describes it: blind resets, SYNs and
 * text (RFC 5961), wrapped sequence numbers (RFC 7323), TIME_WAIT assassination
 * (RFC 1337), floods (RFC 4987), and segments that make no sense. */
#include "net/internal.h"
#include "test/tcp_peer.h"

wraps static struct tcp_segment segment(struct peer *p, u32 seq, u32 ack, u8 flags)
{
    return (struct tcp_segment){
        .seq = seq, .ack = ack, .flags = flags, .window = 65535, .options = peer_options(p)};
}

SCENARIO(rfc5961_blind_reset)
{
    CHECK(peer_open(p, 5000));
    peer_send(p, segment(p, p->seq + 100, 0, TCP_RST), VIEW_NONE); /* in the window, not exact */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.ack, p->seq);
    peer_send(p, segment(p, p->seq + 200000, 0, TCP_RST), VIEW_NONE); /* outside */
    CHECK(peer_quiet(p, 10));
    CHECK_EQ(stream_status(p->stream), OK);
    peer_send(p, segment(p, p->seq, 0, TCP_RST), VIEW_NONE);
    CHECK_EQ(stream_wait(p->stream, 0, after_ms(10)), ERR_RESET);
    stream_close(p->stream);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* A reset that overtook the text before it, from a peer that then is gone without a trace and
 * so answers no challenge: the connection ends as soon as a few questions find nobody. */
SCENARIO(a_reset_that_overtook_its_text)
{
    for (int busy = 0; busy < 2; busy++) {
        CHECK(peer_open_modern(p, (u16)(5000 + busy)));
        if (busy)
            CHECK_EQ(stream_write(p->stream, text_of(3000), STREAM_STATIC, FOREVER), OK);
        (void)fiber_sleep_ns(NS_PER_MS);
        u64 start = clock_mono_ns();
        peer_send(p, segment(p, p->seq + 5000, 0, TCP_RST), VIEW_NONE);
        peer_say(p, TCP_ACK, text_of(10)); /* some of the text, and no more */
        (void)fiber_sleep_ns(NS_PER_MS);
        stream_consume(p->stream, 10);
        CHECK_EQ(stream_wait(p->stream, 0, after_ms(6000)), ERR_TIMEOUT);
        CHECK_EQ(stream_status(p->stream), ERR_TIMEOUT);
        CHECK(clock_mono_ns() - start < 4 * NS_PER_S);
        u32 asked = 0;
        while (peer_next(p, 1) && !(p->in.flags & TCP_RST))
            asked++;
        CHECK(asked >= 3 && p->in.flags & TCP_RST);
        stream_close(p->stream);
        CHECK(peer_clean(p));
    }
    stack_close(p->stack);
}

/* A forged one: whoever lives answers one of the questions, and the connection goes on. */
SCENARIO(a_forged_reset_is_lived_through)
{
    CHECK(peer_open_modern(p, 5000));
    for (int i = 0; i < 20; i++) {
        peer_send(p, segment(p, p->seq + 5000, 0, TCP_RST), VIEW_NONE);
        CHECK(peer_expect(p, TCP_ACK, 600)); /* the challenge … */
        while (p->in.seq != p->ack - 1)      /* … and a question that is owed an answer */
            CHECK(peer_expect(p, TCP_ACK, 600));
        peer_ack(p, p->ack, 65535);
        (void)fiber_sleep_ns(500 * NS_PER_MS);
    }
    while (peer_next(p, 1000)) /* what was under way, and what the last one led to */
        peer_ack(p, p->ack, 65535);
    CHECK(peer_quiet(p, 10000)); /* nobody is asked any more */
    peer_say(p, TCP_ACK, VIEW("still here"));
    CHECK_EQ(stream_wait(p->stream, 9, after_ms(10)), OK);
    CHECK(peer_end(p));
}

SCENARIO(rfc5961_blind_syn)
{
    CHECK(peer_open_modern(p, 5000));
    static const u32 offsets[] = {0, 1, 100, 200000};
    for (size_t i = 0; i < COUNT(offsets); i++) {
        (void)fiber_sleep_ns(600 * NS_PER_MS);
        struct tcp_segment syn = segment(p, p->seq + AT(offsets, i), 0, TCP_SYN);
        peer_send(p, syn, VIEW_NONE);
        CHECK(peer_expect(p, TCP_ACK, 10)); /* a challenge, never a SYN-ACK or RST */
        CHECK_EQ(p->in.ack, p->seq);
    }
    peer_say(p, TCP_ACK, VIEW("still here"));
    CHECK_EQ(stream_wait(p->stream, 9, after_ms(10)), OK);
    CHECK(peer_end(p));
}

SCENARIO(rfc5961_blind_text)
{
    CHECK(peer_open(p, 5000));
    peer_send(p, segment(p, p->seq, p->ack + 1, TCP_ACK), VIEW("evil")); /* acks what was never sent */
    CHECK(peer_expect(p, TCP_ACK, 10));
    (void)fiber_sleep_ns(600 * NS_PER_MS);
    peer_send(p, segment(p, p->seq, p->ack - 100000, TCP_ACK), VIEW("evil")); /* long ago */
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(stream_buffered(p->stream), 0);
    peer_send(p, segment(p, p->seq, p->ack - 100, TCP_ACK), VIEW("fine")); /* old, but possible */
    CHECK_EQ(stream_wait(p->stream, 3, after_ms(10)), OK);
    CHECK(peer_end(p));
}

SCENARIO(rfc5961_challenges_are_rationed)
{
    CHECK(peer_open(p, 5000));
    u32 answers = 0;
    u64 end = after_ms(5000);
    while (clock_mono_ns() < end) {
        peer_send(p, segment(p, p->seq + 100, 0, TCP_RST), VIEW_NONE);
        if (!peer_next(p, 10))
            continue;
        if (p->in.seq == p->ack)
            answers++;
        else
            peer_ack(p, p->ack, 65535); /* asked whether it lives */
    }
    printf("# %u challenge ACKs to 500 resets in 5 s\n", answers);
    CHECK(answers >= 9 && answers <= 11);
    CHECK(peer_end(p));
}

SCENARIO(rfc7323_paws)
{
    CHECK(peer_open_modern(p, 5000));
    peer_say(p, TCP_ACK, VIEW("new"));
    CHECK_EQ(stream_wait(p->stream, 2, after_ms(10)), OK);
    CHECK(peer_expect(p, TCP_ACK, 100));
    struct tcp_segment old = segment(p, p->seq, p->ack, TCP_ACK);
    old.options.time -= 1000;
    peer_send(p, old, VIEW("wrapped"));
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(stream_buffered(p->stream), 3);
    old.options.has_time = false;
    peer_send(p, old, VIEW("forged"));
    CHECK(peer_quiet(p, 100)); /* §3.2: silently dropped */
    CHECK_EQ(stream_buffered(p->stream), 3);
    (void)fiber_sleep_ns(25ull * 24 * 3600 * NS_PER_S); /* §5.5: the peer's clock has wrapped */
    while (peer_next(p, 1))
        continue;
    CHECK_EQ(stream_status(p->stream), ERR_TIMEOUT); /* keepalive noticed the silence */
    CHECK(peer_end(p));
}

static bool to_time_wait(struct peer *p)
{
    stream_close(p->stream);
    if (!peer_expect(p, TCP_ACK | TCP_FIN, 10))
        return false;
    p->ack = p->in.seq + 1;
    peer_say(p, TCP_ACK | TCP_FIN, VIEW_NONE);
    return peer_expect(p, TCP_ACK, 10) && stack_stats(p->stack).tcp_time_wait == 1;
}

SCENARIO(rfc1337_no_assassination)
{
    CHECK(peer_open(p, 5000));
    CHECK(to_time_wait(p));
    peer_send(p, segment(p, p->seq, 0, TCP_RST), VIEW_NONE);
    CHECK(peer_quiet(p, 10));
    peer_send(p, segment(p, p->seq - 5, p->ack, TCP_ACK), VIEW("old"));
    CHECK(peer_expect(p, TCP_ACK, 10)); /* still there to say so */
    CHECK_EQ(p->in.ack, p->seq);
    (void)fiber_sleep_ns(61 * NS_PER_S);
    peer_send(p, segment(p, p->seq, p->ack, TCP_ACK), VIEW("late"));
    CHECK(peer_expect(p, TCP_RST, 10)); /* forgotten by now */
    stack_close(p->stack);
}

SCENARIO(rfc6191_a_new_connection_from_time_wait)
{
    CHECK(peer_open_modern(p, 5000));
    u32 last = p->ack;
    CHECK(to_time_wait(p));
    peer_send(
        p,
        (struct tcp_segment){
            .seq = p->seq - 1000000,
            .flags = TCP_SYN,
            .window = 65535,
            .options = {.mss = 1460, .scale = TCP_SCALE_NONE, .has_time = true, .time = p->tsval - 100}},
        VIEW_NONE);
    CHECK(peer_expect(p, TCP_ACK, 10)); /* an old duplicate: TIME_WAIT goes on */
    peer_send(
        p,
        (struct tcp_segment){
            .seq = p->seq - 1000000,
            .flags = TCP_SYN,
            .window = 65535,
            .options = {.mss = 1460, .scale = TCP_SCALE_NONE, .has_time = true, .time = p->tsval + 100}},
        VIEW_NONE);
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 10));
    CHECK(seq_lt(last, p->in.seq));
    CHECK_EQ(stack_stats(p->stack).tcp_time_wait, 0);
    stack_close(p->stack);
}

/* SYNs of ports 10000 + i, never answered. */
static void flood(struct peer *p, u32 n)
{
    for (u32 i = 0; i < n; i++)
        peer_send(
            p,
            (struct tcp_segment){
                .from_port = (u16)(10000 + i),
                .seq = i,
                .flags = TCP_SYN,
                .window = 100,
                .options = {.mss = 1460, .scale = 7, .sack_permitted = true, .has_time = true, .time = 5}},
            VIEW_NONE);
}

SCENARIO(rfc4987_syn_flood)
{
    CHECK(peer_open(p, 4999));
    stream_abort(p->stream);
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 10));
    flood(p, 1000);
    u32 answers = 0;
    while (peer_next(p, 1))
        answers += (p->in.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
    struct stack_stats s = stack_stats(p->stack);
    printf("# 1000 SYNs: %u answered, %llu with a cookie, %u control blocks\n", answers,
           (unsigned long long)s.tcp_syn_cookies, s.tcp_open);
    CHECK(s.tcp_open <= 8 && s.tcp_syn_cookies == 992 && answers == 1000);
    /* A client that means it still comes through, with all its options. */
    CHECK(peer_open_modern(p, 5000));
    CHECK(stack_stats(p->stack).tcp_syn_cookies > s.tcp_syn_cookies);
    struct tcb *c = peer_tcb(p);
    CHECK(c->time_ok && c->sack_ok && c->scale_ok);
    CHECK_EQ(c->snd_scale, 7);
    CHECK_EQ(c->mss, 1448);
    peer_say(p, TCP_ACK, VIEW("hello"));
    CHECK_EQ(stream_wait(p->stream, 4, after_ms(10)), OK);
    stream_abort(p->stream);
    while (peer_next(p, 1))
        continue;
    CHECK(peer_open(p, 5001)); /* and one without any */
    CHECK_EQ(peer_tcb(p)->mss, 1460);
    CHECK(!peer_tcb(p)->sack_ok && !peer_tcb(p)->scale_ok);
    stream_abort(p->stream);
    (void)fiber_sleep_ns(100 * NS_PER_S);
    while (peer_next(p, 1))
        continue;
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

SCENARIO(cookies_cannot_be_guessed_or_kept)
{
    flood(p, 30);
    while (peer_next(p, 1))
        continue;
    p->port = 5000;
    for (u32 i = 0; i < 1000; i++)
        peer_send(p, segment(p, 1, (u32)random_u64(sim_random()), TCP_ACK), VIEW_NONE);
    while (peer_next(p, 1))
        CHECK(p->in.flags & TCP_RST);
    CHECK_EQ(stack_stats(p->stack).tcp_accepted, 0);
    peer_send(p,
              (struct tcp_segment){.from_port = 6000,
                                   .seq = 50,
                                   .flags = TCP_SYN,
                                   .window = 100,
                                   .options = {.mss = 1460, .scale = TCP_SCALE_NONE}},
              VIEW_NONE);
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 10));
    u32 cookie = p->in.seq;
    (void)fiber_sleep_ns(200 * NS_PER_S);
    while (peer_next(p, 1))
        continue;
    p->port = 6000;
    peer_send(p, segment(p, 51, cookie + 1, TCP_ACK), VIEW_NONE); /* minutes later */
    CHECK(peer_expect(p, TCP_RST, 10));
    CHECK_EQ(stack_stats(p->stack).tcp_accepted, 0);
    stack_close(p->stack);
}

SCENARIO(at_the_limit_of_connections_service_goes_on)
{
    struct stream *open[16];
    u32 n = 0;
    for (; n < 16; n++) {
        CHECK(peer_open(p, (u16)(5000 + n)));
        AT(open, n) = p->stream;
    }
    p->port = 6000;
    peer_send(
        p, (struct tcp_segment){.seq = 1, .flags = TCP_SYN, .window = 100, .options.scale = TCP_SCALE_NONE},
        VIEW_NONE);
    CHECK(peer_quiet(p, 100)); /* dropped, not refused: it will try again */
    stream_abort(AT(open, --n));
    CHECK(peer_expect(p, TCP_RST | TCP_ACK, 10));
    CHECK(peer_open(p, 6000));
    stream_abort(p->stream);
    while (n > 0)
        stream_abort(AT(open, --n));
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* Closed streams whose peers are gone hold no place for long where places are scarce. */
SCENARIO(at_the_limit_orphans_make_room)
{
    for (u16 i = 0; i < 16; i++) {
        CHECK(peer_open(p, (u16)(5000 + i)));
        stream_close(p->stream);
        CHECK(peer_expect(p, TCP_ACK | TCP_FIN, 10));
    }
    struct tcp_segment syn = {
        .from_port = 6000, .seq = 1, .flags = TCP_SYN, .window = 100, .options = {.scale = TCP_SCALE_NONE}};
    peer_send(p, syn, VIEW_NONE);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(stack_stats(p->stack).tcp_open, 16);
    u64 start = clock_mono_ns();
    do
        CHECK(peer_next(p, 8000));
    while (!(p->in.flags & TCP_RST));
    CHECK(clock_mono_ns() - start < 8 * NS_PER_S);
    CHECK_EQ(stack_stats(p->stack).tcp_open, 15);
    (void)fiber_sleep_ns(120 * NS_PER_S); /* and the others when their time has come */
    while (peer_next(p, 1))
        continue;
    CHECK(peer_open(p, 6000));
    CHECK(peer_end(p));
}

SCENARIO(the_backlog_is_a_limit)
{
    struct tcp_options syn = {.mss = 1460, .scale = TCP_SCALE_NONE};
    for (u16 i = 0; i < 8; i++)
        CHECK(peer_open_with(p, (u16)(5000 + i), syn));
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK(!peer_next(p, 1));
    p->port = 6000;
    peer_send(p, (struct tcp_segment){.seq = 1, .flags = TCP_SYN, .window = 100, .options = syn}, VIEW_NONE);
    CHECK(peer_quiet(p, 100));
    CHECK_EQ(listener_accept(p->listener, &p->stream, after_ms(1)), OK);
    struct stream *first = p->stream;
    CHECK(peer_open(p, 6000));
    stream_abort(p->stream);
    stream_abort(first);
    listener_close(p->listener);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* One byte in each of many holes: what it costs is bounded, and the rest goes on. */
SCENARIO(bytes_scattered_out_of_order)
{
    CHECK(peer_open_modern(p, 5000));
    u32 base = p->seq;
    for (u32 i = 1; i < 20000; i += 2) {
        p->seq = base + i;
        peer_say(p, TCP_ACK, VIEW("x"));
        if (i % 100 == 1)
            while (peer_next(p, 0))
                continue;
    }
    (void)fiber_sleep_ns(NS_PER_MS);
    struct stack_stats s = stack_stats(p->stack);
    printf("# 10000 holes hold %zu KiB\n", s.buffer_used_bytes >> 10);
    CHECK(s.buffer_used_bytes <= 64 << 10); /* crumbs are not kept: CVE-2018-5390 */
    for (u32 i = 0; i < 100; i += 2) { /* the holes are filled one byte at a time */
        p->seq = base + i;
        peer_say(p, TCP_ACK, VIEW("x"));
    }
    CHECK_EQ(stream_wait(p->stream, 99, after_ms(1000)), OK);
    CHECK(peer_tcb(p)->rcv_blocks <= 2);
    p->seq = base;
    for (u32 i = 0; i < 20; i++)
        peer_say(p, TCP_ACK, text_of(1000));
    CHECK_EQ(stream_wait(p->stream, 19999, after_ms(1000)), OK);
    CHECK(peer_end(p));
}

/* Connections that all miss the first segment of their windows fill the memory with what
 * follows it. The first segments come again and find room. */
SCENARIO(text_out_of_order_gives_way_to_text_in_order)
{
    enum { CONNECTIONS = 12, SEGMENT = 1460, WINDOW = 44 * SEGMENT };
    struct stream *streams[CONNECTIONS];
    u32 seq[CONNECTIONS], ack[CONNECTIONS];
    for (u16 i = 0; i < CONNECTIONS; i++) {
        CHECK(peer_open(p, (u16)(5000 + i)));
        streams[i] = p->stream;
        seq[i] = p->seq;
        ack[i] = p->ack;
    }
    for (u32 i = 0; i < 2 * CONNECTIONS; i++) {
        u32 n = i % CONNECTIONS;
        p->port = (u16)(5000 + n);
        p->ack = ack[n];
        p->seq = seq[n] + (i < CONNECTIONS ? SEGMENT : 0);
        while (p->seq < seq[n] + WINDOW) {
            peer_say(p, TCP_ACK, text_of(SEGMENT));
            while (peer_next(p, 0))
                continue;
        }
        if (i < CONNECTIONS)
            CHECK_EQ(stream_buffered(streams[n]), 0);
        else
            CHECK_EQ(stream_wait(streams[n], SEGMENT - 1, after_ms(100)), OK);
        stream_consume(streams[n], stream_buffered(streams[n]));
    }
    for (u32 i = 0; i < CONNECTIONS; i++)
        stream_abort(streams[i]);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

/* SACK blocks that lie. */
/* Whose windows are closed hold all the memory they may. One that sends us text, in
 * segments larger than what is left for it, still gets on. */
SCENARIO(closed_windows_do_not_stop_the_other_direction)
{
    enum { HOGS = 14 };
    struct tcp *t = stack_tcp(p->stack);
    struct stream *hogs[HOGS];
    t->buffers.blocks.n = 16;
    for (u16 i = 0; i < HOGS; i++) {
        CHECK(peer_open(p, (u16)(5000 + i)));
        hogs[i] = p->stream;
        for (size_t room; (room = stream_room(p->stream)) > 0;)
            CHECK_EQ(stream_write(p->stream, text_of(room), STREAM_COPY, 0), OK);
        while (peer_next(p, 1))
            continue;
        peer_ack(p, p->ack, 0);
    }
    CHECK_EQ(t->buffers.used, 15);
    CHECK(peer_open(p, 6000));
    peer_tcb(p)->rcv_mss = 1460;
    for (size_t sent = 0; sent < 10000;) {
        struct tcp_segment ask = {.seq = p->seq - 1, .ack = p->ack, .flags = TCP_ACK, .window = 65535};
        peer_send(p, ask, VIEW_NONE);
        while (peer_next(p, 500) && p->in.to_port != 6000)
            continue;
        size_t n = p->in.window;
        CHECK(n > 0 && p->in.ack == p->seq);
        peer_say(p, TCP_ACK, text_of(n));
        CHECK_EQ(stream_wait(p->stream, n - 1, after_ms(10)), OK);
        stream_consume(p->stream, n);
        sent += n;
        while (peer_next(p, 600))
            continue;
    }
    for (int i = 0; i < HOGS; i++)
        stream_abort(hogs[i]);
    while (peer_next(p, 1))
        continue;
    CHECK(peer_end(p));
}

SCENARIO(false_selective_acknowledgements)
{
    CHECK(peer_open_modern(p, 5000));
    CHECK_EQ(stream_write(p->stream, text_of(20000), STREAM_STATIC, FOREVER), OK);
    CHECK(peer_expect(p, TCP_ACK, 10));
    static const struct tcp_range lies[] = {
        {0, 0},          {5, 1},           {1448, 1000000}, {0x80000000, 0x80001000},
        {0, 0xffffffff}, {0xfffffff0, 10}, {3000, 3000},
    };
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct tcp_segment a = segment(p, p->seq, p->ack, TCP_ACK);
        a.options.sack_n = 1;
        a.options.sack[0] = (struct tcp_range){p->ack + AT(lies, i).from, p->ack + AT(lies, i).to};
        peer_send(p, a, VIEW_NONE);
    }
    struct random *r = sim_random();
    for (u32 i = 0; i < 2000; i++) { /* and any that might be true: the scoreboard fills up and holds */
        struct tcp_segment a = segment(p, p->seq, p->ack, TCP_ACK);
        a.options.sack_n = 3;
        for (size_t j = 0; j < 3; j++) {
            u32 from = p->ack + (u32)random_below(r, 16000);
            AT(a.options.sack, j) = (struct tcp_range){from, from + 1 + (u32)random_below(r, 40)};
        }
        peer_send(p, a, VIEW_NONE);
        if (i % 50 == 0)
            (void)fiber_sleep_ns(NS_PER_MS);
    }
    while (peer_next(p, 1))
        continue;
    CHECK_EQ(stream_status(p->stream), OK);
    CHECK(peer_end(p));
}

/* Any segment with any field wrong, at a connection in each state: nothing traps,
 * nothing is kept. */
SCENARIO(ten_thousand_broken_segments)
{
    struct random *r = sim_random();
    sim_print_seed();
    for (u32 round = 0; round < 100; round++) {
        u16 port = (u16)(5000 + round);
        if (round % 2 ? peer_open_modern(p, port) : peer_open(p, port)) {
            if (round % 3 == 0)
                (void)stream_write(p->stream, text_of(random_below(r, 30000)), STREAM_STATIC, after_ms(1));
            if (round % 5 == 0)
                (void)stream_finish(p->stream);
            u32 seq = p->seq, ack = p->ack;
            for (u32 i = 0; i < 100; i++) {
                struct tcp_segment s = segment(p, seq, ack, (u8)random_below(r, 64));
                s.seq += (u32)(random_below(r, 4) ? random_below(r, 4000) : random_u64(r));
                s.ack += (u32)(random_below(r, 4) ? random_below(r, 30000) : random_u64(r));
                s.flags |= random_below(r, 4) ? TCP_ACK : 0;
                s.flags &= random_below(r, 8) ? (u8)~TCP_RST : 255;
                s.window = (u16)random_u64(r);
                s.options.scale = (u8)random_below(r, 20);
                s.options.sack_n = (u8)random_below(r, 3);
                for (size_t j = 0; j < s.options.sack_n; j++)
                    AT(s.options.sack, j) = (struct tcp_range){ack + (u32)random_below(r, 30000),
                                                               ack + (u32)random_below(r, 30000)};
                s.options.time += (u32)random_below(r, 3) - 1;
                peer_send(p, s, text_of(random_below(r, 3) ? 0 : random_below(r, 1400)));
                if (i % 10 == 0)
                    (void)fiber_sleep_ns(random_below(r, 300) * NS_PER_MS);
            }
            if (round % 2)
                stream_close(p->stream);
            else
                stream_abort(p->stream);
        }
        struct stream *more;
        while (listener_accept(p->listener, &more, 0) == OK)
            stream_abort(more);
        while (peer_next(p, 1))
            continue;
        (void)fiber_sleep_ns(400 * NS_PER_S);
        while (peer_next(p, 1))
            continue;
    }
    struct stream *more;
    while (listener_accept(p->listener, &more, 0) == OK)
        stream_abort(more);
    CHECK(peer_clean(p));
    stack_close(p->stack);
}

TESTS(CASE(rfc5961_blind_reset), CASE(a_reset_that_overtook_its_text), CASE(a_forged_reset_is_lived_through),
      CASE(rfc5961_blind_syn), CASE(rfc5961_blind_text), CASE(rfc5961_challenges_are_rationed),
      CASE(rfc7323_paws), CASE(rfc1337_no_assassination), CASE(rfc6191_a_new_connection_from_time_wait),
      CASE(rfc4987_syn_flood), CASE(cookies_cannot_be_guessed_or_kept),
      CASE(at_the_limit_of_connections_service_goes_on), CASE(at_the_limit_orphans_make_room),
      CASE(the_backlog_is_a_limit), CASE(bytes_scattered_out_of_order),
      CASE(text_out_of_order_gives_way_to_text_in_order), CASE(false_selective_acknowledgements),
      CASE(closed_windows_do_not_stop_the_other_direction), CASE(ten_thousand_broken_segments))
