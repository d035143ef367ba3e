/* The nine functions, on virtual time. As every host does, they check what the image
 * passes; here a wrong argument is a finding. */
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"
#include "host/fuzz/internal.h"
#include "sig/net.h"

enum {
    CALL_NS = 100,             /* each look at the clock: an image that polls must get on */
    CALLS_MAX = 2000000,       /* looks without a wait: it runs in circles */
    BURST_MAX = 1024,
    MADVISE_GUARD_INSTALL = 102, /* from Linux 6.13 on; one mapping stays one, so clearing is quick */
};

static bool inside(const void *p, u64 n, const void *area, u64 area_n)
{
    u64 at = (u64)(uintptr_t)p, low = (u64)(uintptr_t)area;
    return at >= low && n <= area_n && at - low <= area_n - n;
}

/* Bytes that an image may pass on: its memory, its windows, itself, its stack, its bundle. */
static bool readable(const void *p, u64 n)
{
    if (n == 0 || inside(p, n, fuzz.memory, fuzz.memory_n) || inside(p, n, fuzz.window, fuzz.window_n) ||
        inside(p, n, fuzz.image->code.p, fuzz.image->code.n) ||
        inside(p, n, fuzz.boot.bundle, fuzz.boot.bundle_n) || inside(p, n, fuzz.stack, 256 << 10))
        return true;
    for (size_t i = 0; i < fuzz.boot.keys_n; i++)
        if (inside(p, n, fuzz.boot.keys[i].value, fuzz.boot.keys[i].value_n))
            return true;
    return false;
}

static u64 clock_mono(void)
{
    if (++fuzz.clock_calls > CALLS_MAX)
        fuzz_fail("the image runs without an end: %d looks at the clock since time last passed", CALLS_MAX);
    fuzz.now += CALL_NS;
    return fuzz.now;
}

wraps static u64 clock_wall(void)
{
    return fuzz.now + fuzz.wall_offset;
}

/* ---- network --------------------------------------------------------------------- */

/* What no host should say: frames outside of the window, more than were asked for. */
static i64 lie(struct host_rx *frames, u32 max)
{
    u8 how = fuzz.lie;
    fuzz.lie = 0;
    if (max == 0 || how % 5 == 1)
        return -1;
    if (how % 5 == 2)
        return (i64)max + how;
    const u32 offsets[] = {(u32)fuzz.window_n, (u32)fuzz.window_n - 1, UINT32_MAX, 0};
    frames[0] = (struct host_rx){.offset = AT(offsets, how >> 3 & 3),
                                 .n = how & 128 ? UINT32_MAX : (u32)fuzz.window_n + (how & 1)};
    if (how & 32)
        frames[0] = (struct host_rx){.offset = (u32)fuzz.window_n};
    return 1;
}

static i64 receive(u32 device, struct host_rx *frames, u32 max)
{
    if (device != 0 || fuzz.boot.devices_n == 0)
        fuzz_fail("net_rx on device %u", device);
    if (!inside(frames, (u64)max * sizeof *frames, fuzz.memory, fuzz.memory_n))
        fuzz_fail("net_rx into what is not the image's memory");
    if (fuzz.lie)
        return lie(frames, max);
    u32 n = 0, at = 0;
    for (; n < max && fuzz.queue_n > 0; n++) {
        const struct fuzz_frame *f = &AT(fuzz.queue, fuzz.queue_first);
        if (f->n > fuzz.window_n - at)
            break;
        memcpy(fuzz.window + at, &AT(fuzz.queue_bytes, f->at), f->n);
        frames[n] = (struct host_rx){.offset = at, .n = f->n, .offload = f->offload};
        at += (u32)MIN(align_up(f->n, 2), fuzz.window_n - at);
        fuzz.queue_first = (fuzz.queue_first + 1) % FUZZ_FRAMES_MAX;
        fuzz.queue_n--;
        fuzz.stats.frames_in++;
    }
    if (fuzz.queue_n == 0)
        fuzz.queue_used = 0;
    return n;
}

static struct view gather(const struct host_tx *tx)
{
    if (tx->count == 0 || tx->count > NET_PARTS_MAX || !readable(tx->parts, tx->count * sizeof *tx->parts))
        fuzz_fail("a frame of %u parts", tx->count);
    size_t n = 0;
    for (u32 i = 0; i < tx->count; i++) {
        struct host_iov part = tx->parts[i];
        if (!readable(part.p, part.n))
            fuzz_fail("a frame with a part of %llu bytes outside of the image", (unsigned long long)part.n);
        if (part.n > FUZZ_FRAME_MAX - n)
            fuzz_fail("a frame longer than %d bytes", FUZZ_FRAME_MAX);
        memcpy(fuzz.sent + n, part.p, part.n);
        n += part.n;
    }
    return (struct view){fuzz.sent, n};
}

static i64 transmit(u32 device, const struct host_tx *frames, u32 count)
{
    if (device != 0 || fuzz.boot.devices_n == 0 || !readable(frames, (u64)count * sizeof *frames))
        fuzz_fail("net_tx of %u frames on device %u", count, device);
    for (u32 i = 0; i < MIN(count, (u32)BURST_MAX); i++) {
        if (fuzz.full_for > 0) {
            fuzz.full_for--;
            return i;
        }
        struct host_offload o = frames[i].offload;
        struct view frame = gather(&frames[i]);
        fuzz_tell_frame("out", frame);
        fuzz_check(frame, &o);
        fuzz.stats.frames_out++;
        fuzz_peer_take(frame);
    }
    return count;
}

/* ---- the rest -------------------------------------------------------------------- */

/* Whole lines; the one that says the address means that the image is up. */
static void console(const void *text, u64 n)
{
    if (!readable(text, n) || n > 65536)
        fuzz_fail("%llu bytes for the console that are not the image's", (unsigned long long)n);
    fuzz_tell("console: %.*s", (int)n, (const char *)text);
    for (u64 i = 0; i < n; i++) {
        char c = ((const char *)text)[i];
        if (c == '\n') {
            struct view line = view_first(VIEW_OF(fuzz.console_line), fuzz.console_n);
            fuzz.announced |= view_starts(line, VIEW("net: ")) && view_find(line, '/') < line.n;
            fuzz.console_n = 0;
        } else if (fuzz.console_n < sizeof fuzz.console_line) {
            AT(fuzz.console_line, fuzz.console_n++) = c;
        }
    }
}

static void entropy(void *out, u64 n)
{
    if (n > 256 || (!inside(out, n, fuzz.memory, fuzz.memory_n) && !inside(out, n, fuzz.stack, 256 << 10)))
        fuzz_fail("%llu bytes of entropy for what is not the image's", (unsigned long long)n);
    for (u64 i = 0; i < n; i++)
        ((u8 *)out)[i] = (u8)(random_u64(&fuzz.random) & 0xff);
}

static i64 guard(void *page)
{
    if ((uintptr_t)page % FUZZ_PAGE != 0 || !inside(page, FUZZ_PAGE, fuzz.memory, fuzz.memory_n))
        fuzz_fail("a guard page outside of the image's memory");
    u8 *closed = &AT(fuzz.guarded, (size_t)((u8 *)page - fuzz.memory) / FUZZ_PAGE);
    if (!*closed && madvise(page, FUZZ_PAGE, MADVISE_GUARD_INSTALL) != 0 &&
        mprotect(page, FUZZ_PAGE, PROT_NONE) != 0)
        return -1;
    *closed = 1;
    return 0;
}

noreturn_ static void leave(u32 code)
{
    fuzz.exit_code = code;
    setcontext(&fuzz.host);
    __builtin_unreachable();
}

/* There is no disk. */
static i64 block_submit(u32 device, const struct host_block *requests, u32 n)
{
    (void)device, (void)requests, (void)n;
    return -1;
}

static i64 block_reap(u32 device, struct host_block_done *done, u32 max)
{
    (void)device, (void)done, (void)max;
    return -1;
}

const struct host_table fuzz_table = {
    .clock_mono = clock_mono,
    .clock_wall = clock_wall,
    .net_rx = receive,
    .net_tx = transmit,
    .console = console,
    .entropy = entropy,
    .wait = fuzz_wait,
    .guard = guard,
    .exit = leave,
    .block_submit = block_submit,
    .block_reap = block_reap,
};
