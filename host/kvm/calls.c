/* The shim's calls, answered with the process host's own functions (host/process/table.c).
 * The guest stands still meanwhile, so what it says cannot change between the look at it
 * and its use; but it is the image that says it, not the shim, if the image wants to. */
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "host/kvm/internal.h"
#include "sig/net.h"

/* ---- time ------------------------------------------------------------------------ */

void machine_set_clock(void)
{
    struct shim_clock *c = &machine.share->clock;
    u64 before = __builtin_ia32_rdtsc();
    c->mono = process_table.clock_mono();
    c->wall = process_table.clock_wall();
    c->at = before;
    c->mult = machine.tsc_khz ? ((NS_PER_MS << 32) / machine.tsc_khz) : 0;
}

/* ---- frames ---------------------------------------------------------------------- */

static struct shim_net *net_of(u64 device)
{
    return device < process.devices_n ? &machine.share->nets[device] : NULL;
}

static bool is_within(u64 at, u64 n, const u8 *p, u64 room)
{
    u64 low = (u64)p;
    return at >= low && at - low <= room && n <= room - (at - low);
}

/* Whether the guest may have these bytes read for it: they are its own. A page among
 * them that it closed faults here, which is reported as the guest's. */
static bool is_guests(const struct host_iov *part)
{
    return is_within((u64)part->p, part->n, process.all.p, (u64)(machine.tables.p - process.all.p)) ||
           is_within((u64)part->p, part->n, process.bundle.p, process.bundle.n);
}

static bool take_frame(const struct shim_net *n, const struct shim_tx *from, struct host_tx *to)
{
    struct shim_tx t = *from;
    if (t.count > NET_PARTS_MAX || t.first > SHIM_PARTS_MAX || t.count > SHIM_PARTS_MAX - t.first)
        return false;
    for (u32 i = 0; i < t.count; i++)
        if (!is_guests(&n->parts[t.first + i]))
            return false;
    *to = (struct host_tx){&n->parts[t.first], t.count, t.offload};
    return true;
}

/* Sends what waits, as far as the device takes it. False: it made no sense, and is gone. */
static bool send_waiting(u32 device)
{
    static struct host_tx frames[SHIM_TX_MAX];
    struct shim_net *n = &machine.share->nets[device];
    u32 sent = n->tx_sent, count = n->tx_n;
    if (sent == count)
        return true;
    bool good = count <= SHIM_TX_MAX && sent < count;
    for (u32 i = sent; i < count && good; i++)
        good = take_frame(n, &n->tx[i], &frames[i - sent]);
    i64 took = good ? process_table.net_tx(device, frames, count - sent) : -1;
    bool all = took < 0 || (u32)took == count - sent;
    n->tx_sent = all ? 0 : sent + (u32)took;
    n->tx_n = all ? 0 : count;
    return took >= 0;
}

static i64 send_all(void)
{
    bool good = true;
    for (u32 i = 0; i < process.devices_n; i++)
        good &= send_waiting(i);
    return good ? 0 : -1;
}

/* ---- requests -------------------------------------------------------------------- */

/* Whether the guest may have a disk, or this monitor, write there: its memory, its first
 * stack and its variables. What it closed itself the kernel refuses. */
static bool may_write(u64 at, u64 n)
{
    const struct elf *e = process.elf;
    if (is_within(at, n, process.memory.p, process.memory.n) ||
        is_within(at, n, process.stack.p, process.stack.n))
        return true;
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &e->segments[i];
        u64 constant = MAX(s->address, e->relro + e->relro_n);
        if ((s->flags & ELF_W) && constant <= s->address + s->mem_n &&
            is_within(at, n, process.base + constant, s->address + s->mem_n - constant))
            return true;
    }
    return false;
}

/* The kernel looks at the guest's memory while its processor runs on. */
static bool may_ask(const struct host_block *r)
{
    const struct host_iov bytes = {r->p, r->n};
    return r->op == HOST_BLOCK_READ    ? may_write((u64)r->p, r->n)
           : r->op == HOST_BLOCK_WRITE ? is_guests(&bytes)
                                       : true;
}

static i64 submit(u64 device, u64 at, u64 n)
{
    struct host_block requests[HOST_BLOCK_QUEUE];
    n = MIN(n, (u64)COUNT(requests));
    const struct host_iov bytes = {(const void *)at, n * sizeof requests[0]};
    if (device >= process.devices_n || !is_guests(&bytes))
        return -1;
    memcpy(requests, bytes.p, bytes.n);
    for (u64 i = 0; i < n; i++)
        if (!may_ask(&requests[i]))
            return -1;
    return process_table.block_submit((u32)device, requests, (u32)n);
}

static i64 reap(u64 device, u64 at, u64 max)
{
    struct host_block_done done[HOST_BLOCK_QUEUE];
    max = MIN(max, (u64)COUNT(done));
    if (device >= process.devices_n || !may_write(at, max * sizeof done[0]))
        return -1;
    i64 n = process_table.block_reap((u32)device, done, (u32)max);
    if (n > 0)
        memcpy((void *)at, done, (u64)n * sizeof done[0]);
    return n;
}

/* Fills the hand, if it is empty. */
static i64 receive(u64 device)
{
    struct shim_net *n = net_of(device);
    if (!n)
        return -1;
    if (n->rx_at < n->rx_n)
        return 0;
    i64 got = process_table.net_rx((u32)device, n->rx, SHIM_RX_MAX);
    n->rx_at = 0;
    n->rx_n = got < 0 ? 0 : (u32)got;
    return got < 0 ? -1 : 0;
}

/* Devices that had no room for all that the image was told is on its way. */
static u64 with_frames_left(void)
{
    u64 set = 0;
    for (u32 i = 0; i < process.devices_n; i++)
        set |= (u64)(machine.share->nets[i].tx_sent != machine.share->nets[i].tx_n) << i;
    return set;
}

/* Frames are fetched for whoever waits for them: they would be the next thing asked for. And
 * what is left to be sent is sent when there is room, which nobody else waits for. */
static i64 wait(u64 readable, u64 writable, u64 deadline)
{
    u64 left = with_frames_left();
    u64 ready = process_table.wait(readable, writable | left, deadline);
    for (u32 i = 0; i < process.devices_n; i++) {
        u64 bit = (u64)1 << i;
        struct shim_net *n = &machine.share->nets[i];
        if (ready & left & bit)
            send_waiting(i);
        if (readable & bit)
            n->looked = 1;
        if (ready & readable & bit)
            receive(i);
        if ((left & ~writable & bit) && (!(readable & bit) || n->rx_at == n->rx_n))
            ready &= ~bit;
    }
    return (i64)ready;
}

/* ---- the rest -------------------------------------------------------------------- */

static i64 console(u64 n)
{
    process_table.console(machine.share->text, MIN(n, (u64)SHIM_TEXT_MAX));
    return 0;
}

void machine_fill_entropy(void)
{
    process_table.entropy(machine.share->entropy, SHIM_ENTROPY_MAX);
    machine.share->entropy_n = SHIM_ENTROPY_MAX;
}

/* The entry of the page table goes first: when the page is gone here as well, the kernel
 * forgets what it knows of both (its notifier), in the processor too. */
static i64 guard(u64 page)
{
    u64 low = (u64)process.memory.p;
    if (page % ELF_PAGE != 0 || page < low || page - low >= process.memory.n)
        return -1;
    tables_unmap(page);
    return process_table.guard((void *)page);
}

noreturn_ static void leave(u64 code)
{
    send_all();
    if (machine.exited)
        machine.exited((u32)code);
    process_table.exit((u32)code);
}

static i64 serve(u32 call, u64 a, u64 b, u64 c)
{
    switch ((enum shim_call)call) {
    case SHIM_CLOCK:
        return 0;
    case SHIM_LOOK:
        send_all();
        return receive(a);
    case SHIM_SEND:
        return send_all();
    case SHIM_CONSOLE:
        return console(a);
    case SHIM_ENTROPY:
        machine_fill_entropy();
        return 0;
    case SHIM_WAIT:
        send_all();
        return wait(a, b, c);
    case SHIM_GUARD:
        return guard(a);
    case SHIM_EXIT:
        leave(a);
    case SHIM_SUBMIT:
        return submit(a, b, c);
    case SHIM_REAP:
        return reap(a, b, c);
    }
    return -1;
}

void machine_answer(u32 call)
{
    struct shim_share *s = machine.share;
    s->result = serve(call, s->a, s->b, s->c);
    machine_set_clock();
}
