/* The host's functions, in ring 3 as the image is: devices are polled, and the keel is
 * called to sleep and to close a page. */
#include "base/num.h"
#include "host/metal/metal.h"
#include "sig/idle.h"

enum {
    PAGE = 4096,
    BURST_MAX = 1024,
    ENTROPY_MAX = 256,
    SPIN_NS = 50000,
    SPIN_FRAMES = 2, /* since the last wait: more are a burst */
    SPIN_GAPS = 10,  /* times the length of a spin: soon */
};

static struct metal_net *net_of(u32 device)
{
    return device < metal.pack.devices_n ? AT(metal.nets, device) : NULL;
}

static i64 receive(u32 device, struct host_rx *frames, u32 max)
{
    struct metal_net *n = net_of(device);
    if (!n)
        return -1;
    i64 got = metal_net_rx(n, frames, MIN(max, (u32)BURST_MAX));
    metal.frames += (u64)got;
    return got;
}

static i64 transmit(u32 device, const struct host_tx *frames, u32 count)
{
    struct metal_net *n = net_of(device);
    return n ? metal_net_tx(n, frames, MIN(count, (u32)BURST_MAX)) : -1;
}

static void console(const void *text, u64 n)
{
    if (image_readable(text, n))
        serial_write((struct view){text, n});
}

static void entropy(void *out, u64 n)
{
    if (n > ENTROPY_MAX)
        trap_with(TRAP_MUST);
    rng_fill((struct span){out, n});
}

static u64 ready_now(u64 readable, u64 writable)
{
    u64 ready = 0;
    for (u32 i = 0; i < metal.pack.devices_n; i++) {
        struct metal_net *n = AT(metal.nets, i);
        struct metal_block *b = AT(metal.blocks, i);
        u64 bit = (u64)1 << i;
        if ((readable & bit) && (n ? metal_net_pending(n) : metal_block_pending(b)))
            ready |= bit;
        if ((writable & bit) && !(n ? metal_net_full(n) : metal_block_full(b)))
            ready |= bit;
    }
    return ready;
}

/* Each look at a port may leave the virtual machine: not while there is work, but for
 * an image that asks. */
static void look_at_stop(void)
{
    if (serial_asked_to_stop() || machine_asked_to_stop())
        metal.stop_unseen = true;
}

static u64 take_stop(void)
{
    if (!metal.stop_unseen)
        return 0;
    metal.stop_unseen = false;
    return (u64)1 << IDLE_STOP_BIT;
}

/* Interrupts stay closed until the keel sleeps, so one that comes after the last look
 * at the rings ends the sleep at once. */
static void sleep(u64 readable, u64 writable, u64 deadline)
{
    for (u32 i = 0; i < metal.pack.devices_n; i++) {
        struct metal_net *n = AT(metal.nets, i);
        struct metal_block *b = AT(metal.blocks, i);
        struct virtio *v = n ? n->v : b->v;
        u64 bit = (u64)1 << i;
        v->ops->acknowledge(v);
        if (n)
            metal_net_want_interrupt(n, readable & bit, writable & bit);
        else if (readable & bit)
            metal_block_want_interrupt(b);
    }
    if (ready_now(readable, writable) == 0)
        clock_sleep(deadline);
    look_at_stop();
}

static u64 wait_for(u64 readable, u64 writable, u64 deadline)
{
    u64 start = clock_mono_now(), now = start, ready = ready_now(readable, writable);
    if (now >= deadline)
        look_at_stop();
    if (metal.stop_unseen || now >= deadline)
        return ready | take_stop();
    if (!ready && metal.traffic && metal.frames <= SPIN_FRAMES) {
        u64 until = MIN(start + SPIN_NS, deadline);
        while (!ready && now < until) {
            ready = ready_now(readable, writable);
            now = clock_mono_now();
        }
    }
    while (!ready && !metal.stop_unseen && now < deadline) {
        sleep(readable, writable, deadline);
        ready = ready_now(readable, writable);
        now = clock_mono_now();
    }
    metal.traffic = ready && now - start < (u64)SPIN_GAPS * SPIN_NS;
    metal.frames = 0;
    return ready | take_stop();
}

/* The image may close pages of its own memory for good; nothing opens one again. */
static i64 guard(void *page)
{
    u64 at = (u64)page, low = metal.memory.at;
    if (at % PAGE != 0 || at < low || at - low >= metal.memory.n)
        return -1;
    return keel_call(KEEL_GUARD, at, 0, 0, 0);
}

noreturn_ static void leave(u32 code)
{
    machine_end((u8)MIN(code, (u32)UINT8_MAX));
}

static struct metal_block *block_of(u32 device)
{
    return device < metal.pack.devices_n ? AT(metal.blocks, device) : NULL;
}

static i64 block_submit(u32 device, const struct host_block *requests, u32 n)
{
    struct metal_block *b = block_of(device);
    return b ? metal_block_submit(b, requests, MIN(n, (u32)HOST_BLOCK_QUEUE)) : -1;
}

static i64 block_reap(u32 device, struct host_block_done *done, u32 max)
{
    struct metal_block *b = block_of(device);
    return b ? metal_block_reap(b, done, MIN(max, (u32)HOST_BLOCK_QUEUE)) : -1;
}

const struct host_table metal_table = {
    .clock_mono = clock_mono_now,
    .clock_wall = clock_wall_now,
    .net_rx = receive,
    .net_tx = transmit,
    .console = console,
    .entropy = entropy,
    .wait = wait_for,
    .guard = guard,
    .exit = leave,
    .block_submit = block_submit,
    .block_reap = block_reap,
};
