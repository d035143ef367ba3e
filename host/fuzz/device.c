/* The frames on their way to the image, and the one call in which it waits: there the
 * script goes on, time passes, and the session comes to its end. */
#include <string.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "sig/idle.h"

#define CALM_NS (1800 * NS_PER_S)  /* every connection that nobody tends is gone by then */
#define KEPT_NS (9000 * NS_PER_S)  /* … and what the image dialed, which it may keep for two hours */
#define PROBE_NS (60 * NS_PER_S)
#define STOP_NS (180 * NS_PER_S)   /* more than the longest grace */

enum { FLOW_PROBE = 0 };

void fuzz_queue(struct view frame, struct host_offload o)
{
    if (fuzz.queue_n == FUZZ_FRAMES_MAX || frame.n > sizeof fuzz.queue_bytes - fuzz.queue_used)
        return;
    fuzz_tell_frame("in ", frame);
    struct fuzz_frame f = {.at = fuzz.queue_used, .n = (u32)frame.n, .offload = o};
    memcpy(&AT(fuzz.queue_bytes, f.at), frame.p, frame.n);
    fuzz.queue_used += f.n;
    AT(fuzz.queue, (fuzz.queue_first + fuzz.queue_n) % FUZZ_FRAMES_MAX) = f;
    fuzz.queue_n++;
}

/* ---- what comes after the script ------------------------------------------------- */

/* Whoever is silent for so long has lost all claims; nobody is helped to keep them. */
static void calm(void)
{
    fuzz.phase = FUZZ_CALM;
    fuzz.phase_until = fuzz.now + (fuzz.dials > 0 ? KEPT_NS : CALM_NS);
    fuzz.full_for = fuzz.lie = 0;
    fuzz.mute_arp = fuzz.mute_dhcp = false;
    fuzz.spoil = (struct fuzz_spoil){0};
    fuzz.held_frame = (struct fuzz_frame){0};
    for (size_t i = 0; i < FUZZ_FLOWS; i++)
        AT(fuzz.flows, i).used = false;
}

/* A new connection must be served, whatever was before: no limit has leaked. */
static void probe(void)
{
    fuzz_tell("probe");
    fuzz.phase = FUZZ_PROBE;
    fuzz.phase_until = fuzz.now + PROBE_NS;
    fuzz.stats.probes++;
    fuzz.next_port = (u16)(FUZZ_FIRST_PORT + fuzz.steps % 3); /* it may have been used before */
    fuzz.probe_again = fuzz.now + NS_PER_S;
    fuzz_flow_connect(&fuzz.flows[FLOW_PROBE], FUZZ_PEER, 0x0f);
}

static void go_on_probing(void)
{
    struct fuzz_flow *f = &fuzz.flows[FLOW_PROBE];
    if (f->opening && fuzz.now >= fuzz.probe_again) {
        fuzz.probe_again = fuzz.now + NS_PER_S;
        fuzz_flow_ask_again(f);
    }
    if (f->open && f->stream_n == 0 && f->seq == f->opening_seq) {
        struct view request = VIEW("GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
        fuzz_flow_segment(f, 0x18, request);
    }
}

static void stop(void)
{
    fuzz_tell("stop");
    fuzz.phase = FUZZ_STOP;
    fuzz.phase_until = fuzz.now + STOP_NS;
    fuzz.stop_due = !fuzz.stop_told;
    fuzz.full_for = fuzz.lie = 0;
}

/* Not even "busy": there is nobody else. */
static void check_answer(void)
{
    struct view answer = view_first(VIEW_OF(fuzz.streams[FLOW_PROBE]), fuzz.flows[FLOW_PROBE].stream_n);
    if (answer.n == 0)
        fuzz_fail("the image no longer answers a connection that does nothing wrong");
    if (fuzz.http && view_starts(answer, VIEW("HTTP/1.1 503")))
        fuzz_fail("the image is alone with one request and sheds it");
}

/* An idle image waits for nobody but the outside: not for a connection that ended and was
 * forgotten on a list. A lease is renewed. */
static void check_idle(u64 deadline)
{
    if (deadline != FOREVER && !fuzz.by_dhcp)
        fuzz_fail("after a long time in which nothing came the image still waits for a time, in %llu s",
                  (unsigned long long)((deadline - fuzz.now) / NS_PER_S));
}

/* The script is used up, or the time of a phase: what is next. */
static void next_phase(u64 deadline)
{
    switch (fuzz.phase) {
    case FUZZ_PLAY:
        if (fuzz.probe && fuzz.friendly && fuzz.announced && !fuzz.stop_told && fuzz.port != 0)
            calm();
        else
            stop();
        break;
    case FUZZ_CALM:
        check_idle(deadline);
        probe();
        break;
    case FUZZ_PROBE:
        check_answer();
        stop();
        break;
    case FUZZ_STOP:
        fuzz_fail("the image does not end: %llu s after it was asked to",
                  (unsigned long long)(STOP_NS / NS_PER_S));
    }
}

/* ---- waiting --------------------------------------------------------------------- */

static u64 ready(u64 readable, u64 writable)
{
    u64 bits = 0;
    if ((readable & 1) && (fuzz.queue_n > 0 || fuzz.lie))
        bits |= 1;
    if ((writable & 1) && fuzz.full_for == 0)
        bits |= 1;
    if (fuzz.stop_due) {
        bits |= 1ull << IDLE_STOP_BIT;
        fuzz.stop_due = false;
        fuzz.stop_told = true;
    }
    return bits;
}

/* Plays steps until so many were played as come at once, or one lets time pass. */
static bool play(void)
{
    if (fuzz.phase != FUZZ_PLAY)
        return false;
    for (u32 i = 0; i < fuzz.burst && fuzz.silent_until <= fuzz.now; i++)
        if (!fuzz_step())
            return false;
    return true;
}

u64 fuzz_wait(u64 readable, u64 writable, u64 deadline)
{
    if ((readable | writable) & ~(u64)1)
        fuzz_fail("wait for devices that are not there");
    for (;;) {
        fuzz_peer_settle();
        u64 bits = ready(readable, writable);
        if (bits || deadline <= fuzz.now) {
            if (bits)
                fuzz.clock_calls = 0;
            return bits;
        }
        fuzz.clock_calls = 0;
        if (fuzz.full_for > 0 && (writable & 1))
            fuzz.full_for--;
        if (fuzz.phase == FUZZ_PROBE)
            go_on_probing();
        if (fuzz.silent_until <= fuzz.now && play())
            continue;
        if (fuzz.phase == FUZZ_PLAY && fuzz.silent_until <= fuzz.now) {
            next_phase(deadline);
            continue;
        }
        if (fuzz.phase == FUZZ_PROBE && fuzz.flows[FLOW_PROBE].stream_n > 0)
            fuzz.phase_until = fuzz.now;
        u64 until = fuzz.phase == FUZZ_PLAY ? fuzz.silent_until : fuzz.phase_until;
        if (fuzz.phase == FUZZ_PROBE && fuzz.flows[FLOW_PROBE].opening)
            until = MIN(until, fuzz.probe_again);
        if ((readable & 1) && fuzz.queue_n > 0)
            continue;
        fuzz.now = MAX(fuzz.now, MIN(until, deadline));
        if (fuzz.phase != FUZZ_PLAY && fuzz.now >= fuzz.phase_until)
            next_phase(deadline);
    }
}
