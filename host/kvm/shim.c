/* The host's table of functions inside the guest: ring 3, beside the image, without a
 * C library, position-independent; the build makes bytes of it (shim.ld) that the
 * command carries. shim.h says how it talks to the monitor. A wrong pointer of the
 * image's faults here, and is reported as the image's. */
#include "host/kvm/shim.h"

#include "base/num.h"

enum { PARTS_MAX = 64, FRAME_MAX = 65535 + 14, NOT_ONE = SHIM_TX_MAX };

/* Placed by shim.ld. */
extern volatile u32 shim_bell __attribute__((visibility("hidden")));
extern struct shim_share shim_share __attribute__((visibility("hidden")));

#define share (&shim_share)

static void ring(enum shim_call call)
{
    __asm__ volatile("movl %1, %0" : "=m"(shim_bell) : "r"(call) : "memory");
}

static i64 ring_with(enum shim_call call, u64 a, u64 b, u64 c)
{
    share->a = a;
    share->b = b;
    share->c = c;
    ring(call);
    return share->result;
}

typedef u64 wide __attribute__((vector_size(16), may_alias, aligned(1)));

/* Small pieces at that; forward, 16 bytes at a time and the last of them again. */
static void copy_bytes(u8 *to, const u8 *from, u64 n)
{
    u64 at = 0;
    if (n < sizeof(wide)) {
        for (; at < n; at++) {
            to[at] = from[at];
            __asm__ volatile("" ::: "memory"); /* there is no memcpy to make a call of it */
        }
        return;
    }
    for (; at + sizeof(wide) <= n; at += sizeof(wide))
        *(wide *)(to + at) = *(const wide *)(from + at);
    *(wide *)(to + n - sizeof(wide)) = *(const wide *)(from + n - sizeof(wide));
}

/* ---- time ------------------------------------------------------------------------ */

static u64 read_tsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

/* Since the monitor set the clock. */
static u64 elapsed(void)
{
    const struct shim_clock *c = &share->clock;
    if (c->mult == 0) {
        ring(SHIM_CLOCK);
        return 0;
    }
    u64 now = read_tsc();
    return now > c->at ? (u64)((unsigned __int128)(now - c->at) * c->mult >> 32) : 0;
}

/* Setting the clock may correct it by some nanoseconds, which nobody is to see. */
static u64 clock_mono(void)
{
    u64 since = elapsed(), now = share->clock.mono + since;
    share->mono = MAX(share->mono, now);
    return share->mono;
}

static u64 clock_wall(void)
{
    u64 since = elapsed();
    return share->clock.wall + since;
}

/* ---- frames ---------------------------------------------------------------------- */

static struct shim_net *net_of(u32 device)
{
    return device < share->devices_n ? &share->nets[device] : NULL;
}

static i64 net_rx(u32 device, struct host_rx *frames, u32 max)
{
    struct shim_net *n = net_of(device);
    if (!n)
        return -1;
    if (n->rx_at == n->rx_n) {
        u32 looked = n->looked;
        n->looked = 0;
        if (looked || max == 0)
            return 0;
        if (ring_with(SHIM_LOOK, device, 0, 0) < 0)
            return -1;
    }
    u32 got = MIN(max, n->rx_n - n->rx_at);
    for (u32 i = 0; i < got; i++)
        frames[i] = n->rx[n->rx_at + i];
    n->rx_at += got;
    return got;
}

/* The pieces behind each other in the device's copies: one piece. */
static bool put_copy(struct shim_net *n, const struct host_iov *from, u32 count, u64 bytes)
{
    if (bytes > SHIM_COPIES_BYTES - n->copies_n || n->parts_n == SHIM_PARTS_MAX)
        return false;
    u8 *to = n->copies + n->copies_n;
    n->parts[n->parts_n++] = (struct host_iov){to, bytes};
    n->copies_n += (u32)align_up(bytes, 64);
    for (u32 i = 0; i < count; i++) {
        copy_bytes(to, from[i].p, from[i].n);
        to += from[i].n;
    }
    return true;
}

static bool put_pieces(struct shim_net *n, const struct host_iov *from, u32 count)
{
    if (count > SHIM_PARTS_MAX - n->parts_n)
        return false;
    for (u32 i = 0; i < count; i++)
        n->parts[n->parts_n++] = from[i];
    return true;
}

/* 0 for a frame that makes no sense. */
static u64 bytes_of(const struct host_tx *frame)
{
    u64 bytes = 0;
    if (frame->count > PARTS_MAX)
        return 0;
    for (u32 i = 0; i < frame->count; i++) {
        if (frame->parts[i].n > FRAME_MAX - bytes)
            return 0;
        bytes += frame->parts[i].n;
    }
    return bytes;
}

/* Queues as many of the frames as there is room for. `lent`: the first whose bytes stay
 * the image's, or NOT_ONE. -1: a frame makes no sense. */
static i64 queue(struct shim_net *n, const struct host_tx *frames, u32 count, u32 *lent)
{
    u32 i;
    *lent = NOT_ONE;
    if (n->tx_n == 0)
        n->parts_n = n->copies_n = 0;
    for (i = 0; i < count && n->tx_n < SHIM_TX_MAX; i++) {
        const struct host_tx *f = &frames[i];
        u64 bytes = bytes_of(f);
        u32 first = n->parts_n;
        if (bytes == 0)
            return -1;
        bool copied = bytes <= SHIM_COPY_MAX;
        if (copied ? !put_copy(n, f->parts, f->count, bytes) : !put_pieces(n, f->parts, f->count))
            break;
        if (!copied && *lent == NOT_ONE)
            *lent = n->tx_n;
        n->tx[n->tx_n++] = (struct shim_tx){first, n->parts_n - first, f->offload};
    }
    return i;
}

/* Short frames are copied and wait for the next ring, which an image's loop makes right
 * away: it looks for more, or sleeps. Long ones are sent from where they lie, before
 * this returns; what the device had no room for is taken back. */
static i64 net_tx(u32 device, const struct host_tx *frames, u32 count)
{
    struct shim_net *n = net_of(device);
    u32 taken = 0;
    if (!n)
        return -1;
    while (taken < count) {
        u32 lent;
        i64 queued = queue(n, frames + taken, count - taken, &lent);
        if (queued < 0)
            return -1;
        taken += (u32)queued;
        if (lent == NOT_ONE && taken == count)
            break;
        if (ring_with(SHIM_SEND, 0, 0, 0) < 0)
            return -1;
        if (n->tx_n != 0 && lent != NOT_ONE) {
            u32 keep = MAX(n->tx_sent, lent);
            taken -= n->tx_n - keep;
            n->tx_n = keep;
            break;
        }
        if (n->tx_n != 0 && queued == 0)
            break;
    }
    return taken;
}

/* ---- requests --------------------------------------------------------------------- */

static i64 block_submit(u32 device, const struct host_block *requests, u32 n)
{
    return ring_with(SHIM_SUBMIT, device, (u64)requests, n);
}

static i64 block_reap(u32 device, struct host_block_done *done, u32 max)
{
    return ring_with(SHIM_REAP, device, (u64)done, max);
}

/* ---- the rest -------------------------------------------------------------------- */

static void console(const void *text, u64 n)
{
    const u8 *p = text;
    while (n > 0) {
        u64 now = MIN(n, (u64)SHIM_TEXT_MAX);
        copy_bytes(share->text, p, now);
        ring_with(SHIM_CONSOLE, now, 0, 0);
        p += now;
        n -= now;
    }
}

static void entropy(void *out, u64 n)
{
    static const u8 nothing[SHIM_ENTROPY_MAX];
    must(n <= SHIM_ENTROPY_MAX);
    if (n > share->entropy_n)
        ring(SHIM_ENTROPY);
    share->entropy_n -= (u32)n;
    copy_bytes(out, share->entropy + share->entropy_n, n);
    copy_bytes(share->entropy + share->entropy_n, nothing, n);
}

/* Frames in hand are as good as a device that is ready. */
static u64 wait(u64 readable, u64 writable, u64 deadline)
{
    u64 ready = 0;
    for (u32 i = 0; i < share->devices_n; i++)
        if (share->nets[i].rx_at < share->nets[i].rx_n)
            ready |= (u64)1 << i;
    if (ready & readable)
        return ready & readable;
    return (u64)ring_with(SHIM_WAIT, readable, writable, deadline);
}

static i64 guard(void *page)
{
    return ring_with(SHIM_GUARD, (u64)page, 0, 0);
}

noreturn_ static void leave(u32 code)
{
    for (;;)
        ring_with(SHIM_EXIT, code, 0, 0);
}

/* The first bytes of the shim: offsets, which the monitor makes addresses of. */
__attribute__((section(".head"), used)) static const struct host_table table = {
    .clock_mono = clock_mono,
    .clock_wall = clock_wall,
    .net_rx = net_rx,
    .net_tx = net_tx,
    .console = console,
    .entropy = entropy,
    .wait = wait,
    .guard = guard,
    .exit = leave,
    .block_submit = block_submit,
    .block_reap = block_reap,
};
