/* Congestion and loss by hand: RFC 5681, 6298, 6582, 6675, 6928, 3042, 8985. */
#include "net/internal.h"
#include "test/tcp_peer.h"

enum { MSS = 1448 };

/* Receives `n` segments of MSS bytes from `seq` on. */
wraps static bool expect_segments(struct peer *p, u32 seq, u32 n)
{
    for (u32 i = 0; i < n; i++, seq += MSS)
        if (!peer_expect(p, TCP_ACK, 10) || p->in.seq != seq || p->in.payload.n != MSS) {
            printf("# segment %u: seq %u, %zu bytes\n", i, p->in.seq - seq + i * MSS, p->in.payload.n);
            return false;
        }
    return true;
}

wraps static void sack(struct peer *p, u32 ack, u32 from, u32 to)
{
    struct tcp_segment a = {
        .seq = p->seq, .ack = ack, .flags = TCP_ACK, .window = 65535, .options = peer_options(p)};
    p->ack = ack;
    a.options.sack_n = from != to;
    a.options.sack[0] = (struct tcp_range){from, to};
    peer_send(p, a, VIEW_NONE);
}

static bool writes(struct peer *p, size_t n)
{
    return stream_write(p->stream, text_of(n), STREAM_STATIC, FOREVER) == OK;
}

SCENARIO(rfc6928_initial_window)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 60000));
    CHECK(expect_segments(p, start, 10));
    CHECK(peer_quiet(p, 2)); /* no eleventh */
    peer_ack(p, start + 2 * MSS, 65535);
    CHECK(expect_segments(p, start + 10 * MSS, 4)); /* slow start: two acknowledged, four sent */
    CHECK(peer_quiet(p, 2));
    CHECK(peer_end(p));
}

SCENARIO(rfc6675_one_loss_is_repaired_without_timeout)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 60000));
    CHECK(expect_segments(p, start, 10));
    for (u32 i = 2; i <= 4; i++) /* the first is lost; limited transmit (RFC 3042) keeps the clock */
        sack(p, start, start + MSS, start + i * MSS);
    CHECK(peer_expect(p, TCP_ACK, 5));
    u32 seq = p->in.seq, fresh = 0;
    for (; seq != start; seq = p->in.seq, fresh++)
        CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK(fresh <= 3);
    CHECK_EQ(p->in.payload.n, MSS);
    CHECK_EQ(peer_tcb(p)->recovery, TCP_FAST);
    CHECK(peer_tcb(p)->ssthresh >= 5 * MSS && peer_tcb(p)->ssthresh <= 7 * MSS);
    sack(p, peer_tcb(p)->snd_nxt, 0, 0);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(peer_tcb(p)->recovery, TCP_OPEN);
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 0);
    CHECK_EQ(stack_tcp(p->stack)->retransmits, 1);
    CHECK(peer_end(p));
}

SCENARIO(rfc6582_without_sack)
{
    CHECK(peer_open(p, 5000));
    u32 start = p->ack, mss = 1460;
    CHECK(writes(p, 60000));
    for (u32 i = 0; i < 10; i++)
        CHECK(peer_expect(p, TCP_ACK, 5));
    for (u32 i = 0; i < 3; i++)
        peer_ack(p, start, 65535);
    bool again = false;
    while (peer_next(p, 5))
        again |= p->in.seq == start;
    CHECK(again);
    CHECK_EQ(peer_tcb(p)->recovery, TCP_FAST);
    peer_ack(p, start + 4 * mss, 65535); /* partial: the fifth is lost too */
    again = false;
    while (peer_next(p, 5))
        again |= p->in.seq == start + 4 * mss;
    CHECK(again);
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 0);
    CHECK(peer_end(p));
}

SCENARIO(rfc6298_timeouts_back_off)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 1000));
    u64 last = clock_mono_ns();
    CHECK(peer_expect(p, TCP_ACK, 5));
    u64 wait = 200;
    for (int i = 0; i < 6; i++, wait *= 2) {
        CHECK(peer_expect(p, TCP_ACK, 130000));
        CHECK_EQ(p->in.seq, start);
        u64 took = (clock_mono_ns() - last) / NS_PER_MS;
        CHECK(took >= wait && took <= wait + 10);
        last = clock_mono_ns();
    }
    peer_ack(p, start + 1000, 65535);
    CHECK_EQ(stream_drain(p->stream, after_ms(10)), OK);
    CHECK_EQ(peer_tcb(p)->backoff, 0);
    CHECK(peer_end(p));
}

/* The path stalls for longer than the RTO, then everything arrives. */
SCENARIO(rfc3522_a_timeout_without_loss)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 60000));
    CHECK(expect_segments(p, start, 10));
    u32 sent_at = p->in.options.time;
    while (p->in.seq != start) /* the tail probe, then the RTO */
        CHECK(peer_expect(p, TCP_ACK, 1000));
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 1);
    u64 before = stack_tcp(p->stack)->retransmits;
    for (u32 i = 2; i <= 10; i += 2) {
        struct tcp_segment a = {.seq = p->seq, .ack = start + i * MSS, .flags = TCP_ACK, .window = 65535};
        a.options = peer_options(p);
        a.options.time_echo = sent_at; /* of the originals */
        peer_send(p, a, VIEW_NONE);
    }
    while (peer_next(p, 2))
        CHECK(seq_le(start + 10 * MSS, p->in.seq)); /* new text, none of the old */
    CHECK_EQ(stack_tcp(p->stack)->retransmits, before);
    CHECK(peer_tcb(p)->cwnd >= 10 * MSS);
    CHECK_EQ(peer_tcb(p)->recovery, TCP_OPEN);
    CHECK(peer_end(p));
}

SCENARIO(a_silent_peer_is_given_up)
{
    CHECK(peer_open_modern(p, 5000));
    CHECK(writes(p, 1000));
    u64 start = clock_mono_ns();
    CHECK_EQ(stream_drain(p->stream, FOREVER), ERR_TIMEOUT);
    u64 took = (clock_mono_ns() - start) / NS_PER_S;
    CHECK(took >= 300 && took < 600);
    CHECK_EQ(stream_status(p->stream), ERR_TIMEOUT);
    while (peer_next(p, 1))
        continue;
    CHECK(peer_end(p));
}

/* The machine slept for an hour with text in flight: that is no silence of the peer's. */
SCENARIO(time_that_jumps_gives_nobody_up)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, MSS));
    CHECK(expect_segments(p, start, 1));
    peer_tcb(p)->progress_ms -= 3600000;
    for (int i = 0; i < 2; i++) {
        CHECK(peer_expect(p, TCP_ACK, 3000));
        CHECK_EQ(p->in.seq, start);
    }
    peer_ack(p, start + MSS, 65535);
    CHECK_EQ(stream_drain(p->stream, after_ms(10)), OK);
    CHECK(peer_end(p));
}

SCENARIO(rfc8985_a_lost_tail_is_probed)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 3 * MSS));
    CHECK(expect_segments(p, start, 3));
    u64 sent = clock_mono_ns(); /* the second and third are lost */
    sack(p, start + MSS, 0, 0);
    CHECK(peer_expect(p, TCP_ACK, 100));
    CHECK(clock_mono_ns() - sent < 100 * NS_PER_MS);
    CHECK_EQ(p->in.seq, start + 2 * MSS);
    sack(p, start + MSS, start + 2 * MSS, start + 3 * MSS);
    CHECK(peer_expect(p, TCP_ACK, 5)); /* and what the probe shows to be lost follows at once */
    CHECK_EQ(p->in.seq, start + MSS);
    sack(p, start + 3 * MSS, 0, 0);
    CHECK_EQ(stream_drain(p->stream, after_ms(5)), OK);
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 0);
    CHECK(peer_end(p));
}

SCENARIO(what_was_sent_again_and_lost_again)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 60000));
    CHECK(expect_segments(p, start, 10));
    sack(p, start, start + MSS, start + 10 * MSS); /* only the first is missing */
    u32 copies = 0, top = start + 10 * MSS;
    while (peer_next(p, 2)) {
        copies += p->in.seq == start;
        top = seq_max(top, p->in.seq + (u32)p->in.payload.n);
    }
    CHECK_EQ(copies, 1);
    CHECK(seq_lt(start + 10 * MSS, top));
    sack(p, start, start + MSS, top); /* what followed the copy has come, the copy has not */
    CHECK(peer_expect(p, TCP_ACK, 5));
    while (p->in.seq != start)
        CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 0);
    CHECK(peer_end(p));
}

/* The peer lacked memory: what it has selectively acknowledged is gone, as its next ACK tells. */
SCENARIO(rfc2018_the_peer_threw_text_away)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 8 * MSS));
    CHECK(expect_segments(p, start, 8));
    sack(p, start, start + MSS, start + 8 * MSS);
    CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK_EQ(p->in.seq, start);
    u64 then = clock_mono_ns();
    for (u32 next = start + MSS; next != start + 8 * MSS;) {
        peer_ack(p, next, 65535);
        do
            CHECK(peer_expect(p, TCP_ACK, 500));
        while (p->in.seq != next);
        next += (u32)p->in.payload.n;
    }
    CHECK(clock_mono_ns() - then < 250 * NS_PER_MS);
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 1);
    CHECK(peer_end(p));
}

SCENARIO(the_window_shrinks_after_idle)
{
    CHECK(peer_open_modern(p, 5000));
    CHECK(writes(p, 60000));
    CHECK(peer_next(p, 5));
    while (peer_next(p, 1) || tcp_flight(peer_tcb(p)) > 0)
        peer_ack(p, peer_tcb(p)->snd_nxt, 65535);
    u32 grown = peer_tcb(p)->cwnd;
    CHECK(grown > 20 * MSS);
    (void)fiber_sleep_ns(10 * NS_PER_S);
    u32 start = peer_tcb(p)->snd_nxt;
    CHECK(writes(p, 60000));
    CHECK(expect_segments(p, start, 10));
    CHECK(peer_quiet(p, 2));
    CHECK(peer_tcb(p)->ssthresh >= grown / 2);
    CHECK(peer_end(p));
}

/* RFC 1191 §6.5: the packet that was too big is sent again, smaller, at once. */
SCENARIO(path_mtu_is_learned)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 5000));
    CHECK(expect_segments(p, start, 3));
    CHECK(peer_expect(p, TCP_ACK, 5));
    struct endpoint us = {ip4(US), 80}, them = {ip4(PEER), 5000};
    tcp_icmp(p->stack, ERR_TOO_BIG, us, them, start + 100000, 1000); /* about nothing of ours */
    CHECK_EQ(peer_tcb(p)->mss, MSS);
    tcp_icmp(p->stack, ERR_TOO_BIG, us, them, start, 1000);
    CHECK_EQ(peer_tcb(p)->mss, 1000 - 40 - 12);
    CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK_EQ(p->in.seq, start);
    CHECK_EQ(p->in.payload.n, 948);
    tcp_icmp(p->stack, ERR_UNREACHABLE, us, them, start, 0); /* a soft error: lived through */
    CHECK_EQ(stream_status(p->stream), OK);
    CHECK(peer_end(p));
}

SCENARIO(super_segments_are_whole_and_limited_by_windows)
{
    loop_remove(&p->stack->source);
    CHECK(peer_start_with(p, peer_config(), SIM_FEATURES));
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 60000));
    CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK_EQ(p->in.seq, start);
    CHECK_EQ(p->in.payload.n, 10 * MSS); /* the initial window in one */
    CHECK(peer_quiet(p, 2));
    peer_ack(p, start + 10 * MSS, 65535);
    CHECK(peer_expect(p, TCP_ACK, 5));
    CHECK_EQ(p->in.payload.n, 20 * MSS);
    CHECK(peer_end(p));
}

/* Two holes are filled in one burst, and the device takes none of it: what was sent before is
 * still sent, and only the holes go out again. */
SCENARIO(what_is_sent_again_finds_the_device_full)
{
    CHECK(peer_open_modern(p, 5000));
    u32 start = p->ack;
    CHECK(writes(p, 8 * MSS));
    CHECK(expect_segments(p, start, 8));
    struct sim_path open = *sim_path(p->stack_dev),
                    full = {.rate_bps = 1000000, .queue_bytes = 1, .backpressure = true};
    sack(p, start, start + MSS, start + 2 * MSS);
    *sim_path(p->stack_dev) = full;
    sack(p, start, start + 3 * MSS, start + 8 * MSS);
    (void)fiber_sleep_ns(NS_PER_MS);
    CHECK_EQ(peer_tcb(p)->snd_nxt, start + 8 * MSS);
    *sim_path(p->stack_dev) = open;
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.seq, start);
    CHECK(peer_expect(p, TCP_ACK, 10));
    CHECK_EQ(p->in.seq, start + 2 * MSS);
    peer_ack(p, start + 8 * MSS, 65535);
    CHECK_EQ(stream_drain(p->stream, after_ms(10)), OK);
    CHECK_EQ(stack_tcp(p->stack)->timeouts, 0);
    CHECK(peer_end(p));
}

/* A SYN and an ACK of nothing, and the device takes neither the SYN-ACK nor the reset that
 * answers the ACK: the SYN-ACK is still due, and comes when there is room. */
SCENARIO(a_syn_ack_and_a_reset_find_the_device_full)
{
    CHECK(peer_open(p, 5000));
    struct sim_path open = *sim_path(p->stack_dev),
                    full = {.rate_bps = 100000, .queue_bytes = 1, .backpressure = true};
    *sim_path(p->stack_dev) = full;
    p->port = 5001;
    peer_send(p, (struct tcp_segment){.seq = 1, .ack = 1, .flags = TCP_ACK}, VIEW_NONE);
    (void)fiber_sleep_ns(NS_PER_MS / 10); /* what it has for an answer is as much as fits */
    p->port = 5002;
    peer_send(p, (struct tcp_segment){.seq = 1000, .flags = TCP_SYN, .window = 65535}, VIEW_NONE);
    peer_send(p, (struct tcp_segment){.seq = 1001, .ack = 1, .flags = TCP_ACK, .window = 65535}, VIEW_NONE);
    (void)fiber_sleep_ns(NS_PER_MS);
    *sim_path(p->stack_dev) = open;
    CHECK(peer_expect(p, TCP_SYN | TCP_ACK, 500) && p->in.to_port == 5002);
    CHECK_EQ(p->in.ack, 1001);
    stream_close(p->stream);
    stack_close(p->stack);
}

TESTS(CASE(rfc6928_initial_window), CASE(rfc6675_one_loss_is_repaired_without_timeout),
      CASE(rfc6582_without_sack), CASE(rfc6298_timeouts_back_off), CASE(rfc3522_a_timeout_without_loss),
      CASE(a_silent_peer_is_given_up), CASE(time_that_jumps_gives_nobody_up),
      CASE(rfc8985_a_lost_tail_is_probed), CASE(what_was_sent_again_and_lost_again),
      CASE(rfc2018_the_peer_threw_text_away), CASE(the_window_shrinks_after_idle), CASE(path_mtu_is_learned),
      CASE(what_is_sent_again_finds_the_device_full), CASE(a_syn_ack_and_a_reset_find_the_device_full),
      CASE(super_segments_are_whole_and_limited_by_windows))
