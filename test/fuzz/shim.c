/* A guest that writes what it likes into the pages it shares with the monitor, and rings
 * (host/kvm/calls.c). The host functions below it are stand-ins that take everything
 * literally: a count, a length or a pointer that must not come through ends the run, and
 * every byte of a frame is read. */
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/num.h"
#include "host/kvm/internal.h"
#include "sig/net.h"
#include "test/fuzz/fuzz.h"

enum {
    DEVICES = 2,
    PAGE = 4096,
    MEMORY = 16 * PAGE,
    TABLES = 4 * PAGE,
    BUNDLE = 3000,
    FRAME_MAX = 65535 + 14
};
enum { SHIM = SHIM_SHARE_AT + sizeof(struct shim_share) + DEVICES * sizeof(struct shim_net) };

struct process process;
struct machine machine;

static jmp_buf ended;
static struct reader input; /* chance for what devices do */
static u64 sum;             /* of all that was read, so that it is */

/* ---- the host below ---------------------------------------------------------------- */

static u64 clock_fake(void)
{
    static u64 now;
    return now += 1000;
}

static i64 take_frames(u32 device, struct host_rx *frames, u32 max)
{
    must(device < DEVICES && frames == machine.share->nets[device].rx && max == SHIM_RX_MAX);
    u32 n = get_u8(&input) % (SHIM_RX_MAX + 1);
    for (u32 i = 0; i < n; i++)
        frames[i] = (struct host_rx){.offset = i, .n = 60};
    return get_u8(&input) % 16 ? (i64)n : -1;
}

/* A frame's pieces as a back end takes them: what makes no sense is refused there. */
static bool send_frame(const struct host_tx *f)
{
    u64 bytes = 0;
    must(f->count <= NET_PARTS_MAX);
    for (u32 i = 0; i < f->count; i++) {
        if (f->parts[i].n > FRAME_MAX - bytes)
            return false;
        bytes += f->parts[i].n;
        for (u64 k = 0; k < f->parts[i].n; k++)
            sum ^= ((const u8 *)f->parts[i].p)[k];
    }
    return bytes > 0;
}

static i64 put_frames(u32 device, const struct host_tx *frames, u32 n)
{
    must(device < DEVICES && n > 0 && n <= SHIM_TX_MAX);
    u32 room = get_u8(&input);
    for (u32 i = 0; i < n; i++) {
        if (i == room)
            return i;
        if (!send_frame(&frames[i]))
            return -1;
    }
    return n;
}

static void console(const void *text, u64 n)
{
    must(text == machine.share->text && n <= SHIM_TEXT_MAX);
    for (u64 i = 0; i < n; i++)
        sum ^= ((const u8 *)text)[i];
}

static void entropy(void *out, u64 n)
{
    must(out == machine.share->entropy && n == SHIM_ENTROPY_MAX);
    memset(out, 1, n);
}

static u64 wait_fake(u64 readable, u64 writable, u64 deadline)
{
    (void)deadline;
    return (readable | writable) & (get_u8(&input) | (u64)1 << 63);
}

static i64 guard(void *page)
{
    u64 at = (u64)page, low = (u64)process.memory.p;
    must(at % PAGE == 0 && at >= low && at - low < process.memory.n);
    return 0;
}

bool tables_unmap(u64 page)
{
    return guard((void *)page) == 0;
}

noreturn_ static void leave(u32 code)
{
    (void)code;
    longjmp(ended, 1);
}

static i64 submit_fake(u32 device, const struct host_block *requests, u32 n)
{
    const u64 low = (u64)process.all.p, high = (u64)machine.tables.p;
    must(device < process.devices_n && n <= HOST_BLOCK_QUEUE);
    for (u32 i = 0; i < n; i++)
        if (requests[i].op == HOST_BLOCK_READ || requests[i].op == HOST_BLOCK_WRITE)
            must((u64)requests[i].p >= low && requests[i].n <= high - (u64)requests[i].p);
    return n;
}

static i64 reap_fake(u32 device, struct host_block_done *done, u32 max)
{
    u32 n = get_u8(&input) % (max + 1);
    must(device < process.devices_n && max <= HOST_BLOCK_QUEUE);
    memset(done, 2, n * sizeof *done);
    return n;
}

const struct host_table process_table = {clock_fake, clock_fake, take_frames, put_frames,  console,  entropy,
                                         wait_fake,  guard,      leave,       submit_fake, reap_fake};

/* ---- the guest --------------------------------------------------------------------- */

/* memory | shim | tables, as one reservation whose end only the sanitizer knows. */
static void lay_out(void)
{
    const size_t shim_n = align_up(SHIM, PAGE);
    u8 *p = aligned_alloc(PAGE, MEMORY + shim_n + TABLES), *bundle = malloc(BUNDLE);
    must(p && bundle);
    memset(p, 1, MEMORY + shim_n + TABLES);
    memset(bundle, 1, BUNDLE);
    process.all = (struct area){p, MEMORY + shim_n + TABLES};
    process.memory = (struct area){p, MEMORY};
    process.bundle = (struct view){bundle, BUNDLE};
    process.devices_n = DEVICES;
    machine.share = (struct shim_share *)(p + MEMORY + SHIM_SHARE_AT);
    machine.tables = (struct area){p + MEMORY + shim_n, TABLES};
    __asan_poison_memory_region(machine.tables.p, TABLES);
}

/* Numbers at the edges of everything, and pointers into everything. */
static u64 number(struct reader *r)
{
    const u64 bases[] = {0,
                         (u64)process.memory.p,
                         (u64)process.memory.p + MEMORY,
                         (u64)machine.share,
                         (u64)machine.share->nets[0].copies,
                         (u64)machine.tables.p,
                         (u64)machine.tables.p + TABLES,
                         (u64)process.bundle.p,
                         (u64)process.bundle.p + BUNDLE,
                         UINT64_MAX,
                         SHIM_PARTS_MAX,
                         SHIM_TX_MAX,
                         FRAME_MAX};
    u8 which = get_u8(r);
    u64 more = which & 0x40 ? get_le16(r) : get_u8(r);
    u64 base = bases[which % COUNT(bases)];
    return which & 0x80 ? wrap_add64(base, ~more) : wrap_add64(base, more);
}

static void poke(struct reader *r)
{
    u64 room = process.all.n - TABLES - MEMORY - SHIM_SHARE_AT;
    u64 at = get_le32(r) % room;
    struct view bytes = get_bytes(r, get_u8(r));
    memcpy((u8 *)machine.share + at, bytes.p, MIN(bytes.n, (size_t)(room - at)));
}

/* Mostly something small, as a shim would say; else anything. */
static u32 small(struct reader *r)
{
    u8 x = get_u8(r);
    return x < 0xe0 ? x % 8 : (u32)(number(r) & UINT32_MAX);
}

static void put_part(struct reader *r, struct shim_net *n)
{
    struct host_iov *part = &n->parts[small(r) % SHIM_PARTS_MAX];
    part->p = (const void *)number(r);
    part->n = get_u8(r) < 0x80 ? get_le16(r) : number(r);
}

static void put_tx(struct reader *r, struct shim_net *n)
{
    struct shim_tx *tx = &n->tx[small(r) % SHIM_TX_MAX];
    tx->first = small(r);
    tx->count = small(r);
    n->tx_n = small(r);
    n->tx_sent = get_u8(r) < 0xe0 ? 0 : small(r);
}

/* Frames as the shim would queue them, but for where their pieces lie. */
static void queue(struct reader *r, struct shim_net *n)
{
    n->tx_n = n->tx_sent = n->parts_n = 0;
    for (u32 frames = get_u8(r) % 4; n->tx_n < frames; n->tx_n++) {
        struct shim_tx *tx = &n->tx[n->tx_n];
        *tx = (struct shim_tx){.first = n->parts_n, .count = 1 + get_u8(r) % 3u};
        for (u32 i = 0; i < tx->count; i++)
            n->parts[n->parts_n++] = (struct host_iov){(const void *)number(r), get_le16(r)};
    }
}

static void step(struct reader *r)
{
    struct shim_net *n = &machine.share->nets[get_u8(r) % DEVICES];
    switch (get_u8(r) % 8) {
    case 0:
        poke(r);
        break;
    case 1:
    case 2:
        put_part(r, n);
        break;
    case 3:
        put_tx(r, n);
        break;
    case 4:
        n->rx_at = n->rx_n = small(r);
        break;
    case 5:
    case 6:
        queue(r, n);
        break;
    default:
        machine.share->a = get_u8(r) < 0x80 ? small(r) : number(r);
        machine.share->b = small(r);
        machine.share->c = number(r);
        input = *r;
        machine_answer(get_u8(&input) % (SHIM_EXIT + 2));
        *r = input;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    if (!process.all.p)
        lay_out();
    for (u32 i = 0; i < DEVICES; i++) /* what is large needs no clearing */
        memset(&machine.share->nets[i], 0, offsetof(struct shim_net, copies));
    machine.share->devices_n = DEVICES;
    machine.tsc_khz = n % 2 ? 2400000 : 0;
    if (setjmp(ended) == 0) {
        struct reader r = reader_of((struct view){data, n});
        while (r.rest.n > 0 && !r.bad)
            step(&r);
    }
    return 0;
}
