/* The metal host's virtio-net and virtio-blk drivers against a device that does what it
 * likes: it breaks rings and registers, and between that it behaves, so that the drivers
 * get far. Whatever it does, no frame leaves the window, nothing but what the image named
 * is transmitted, each request is done once, and no memory beyond queues and buffers is
 * touched (which the address sanitizer sees). */
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/num.h"
#include "host/metal/block.h"
#include "host/metal/net.h"
#include "test/fuzz/fuzz.h"

enum { WINDOW = 144 << 10, BLOCKS_MAX = 16, FRAMES = 8, CONSTANT = 8192, STEPS_MAX = 400 };

static struct reader input;

/* Everything the driver was given, to be freed. */
static struct {
    struct span each[BLOCKS_MAX];
    size_t n;
} blocks;

static struct span new_block(u64 n)
{
    void *p = calloc(1, n);
    must(p && blocks.n < BLOCKS_MAX);
    AT(blocks.each, blocks.n) = (struct span){p, n};
    return AT(blocks.each, blocks.n++);
}

static u64 same_address(const void *p)
{
    return (u64)p;
}

/* What the driver said of its queues; the device's own view of them. */
static struct queue {
    u16 size, seen, used;
    struct virtq_descriptor *descriptors;
    u16 *available, *used_ring;
} queues[2];

static u8 status_now;
static u64 offered;

static u64 features(struct virtio *v)
{
    (void)v;
    return offered;
}

static void accept(struct virtio *v, u64 agreed)
{
    (void)v;
    must((agreed & ~offered) == 0);
}

static u8 status(struct virtio *v)
{
    (void)v;
    return status_now;
}

/* Up in the order of §3.1.1, a bit at a time; a device may ignore any other way. */
static void set_status(struct virtio *v, u8 value)
{
    (void)v;
    must(value == 0 || (status_now == 0 && value == 1) || (status_now == 1 && value == 3) ||
         (status_now == 3 && value == 11) || (status_now == 11 && value == 15));
    status_now = value;
}

static u16 queue_max(struct virtio *v, u16 index)
{
    (void)v;
    (void)index;
    return get_u8(&input) < 16 ? get_le16(&input) : 256;
}

static void queue_on(struct virtio *v, u16 index, u16 size, u64 descriptors, u64 available, u64 used)
{
    (void)v;
    must(index < COUNT(queues) && size > 0 && size <= VIRTQ_SIZE_MAX);
    AT(queues, index) = (struct queue){
        .size = size,
        .descriptors = (struct virtq_descriptor *)descriptors,
        .available = (u16 *)available,
        .used_ring = (u16 *)used,
    };
}

static void notify(struct virtio *v, u16 index)
{
    (void)v;
    must(index < COUNT(queues));
}

/* Each field as wide as it is: of an address a byte, 16 bits of MTU; of a disk, 32. */
static u32 config(struct virtio *v, u32 offset, u32 bytes)
{
    must(bytes == (v->kind == VIRTIO_BLOCK ? 4u : offset < 6 ? 1u : 2u) && offset % bytes == 0);
    return bytes == 1 ? get_u8(&input) : bytes == 2 ? get_le16(&input) : get_le32(&input);
}

static void acknowledge(struct virtio *v)
{
    (void)v;
}

static const struct virtio_ops ops = {features, accept, status, set_status, queue_max,
                                      queue_on, notify, config, acknowledge};

static u8 constant[CONSTANT]; /* what the driver may leave in place */

static bool readable(const void *p, u64 n)
{
    (void)p;
    return n <= CONSTANT;
}

static u64 in_place(const void *p, u64 n)
{
    return (const u8 *)p >= constant && n <= (u64)(constant + CONSTANT - (const u8 *)p) ? (u64)p : 0;
}

static void put_used(struct queue *q, u32 id, u32 n)
{
    u32 *entry = (u32 *)(void *)(q->used_ring + 2) + 2 * (q->used % q->size);
    entry[0] = id;
    entry[1] = n;
    q->used = wrap_add16(q->used, 1);
    q->used_ring[1] = q->used;
}

/* A device that behaves: puts a frame of n bytes into as many buffers as it takes. */
static void receive_frame(u32 n, u8 buffers_said)
{
    struct queue *q = &queues[0];
    u16 count = 0;
    u32 left = n + NET_HEADER;
    struct host_offload header = {0};
    struct virtq_descriptor *head = NULL;
    while (left > 0 && q->seen != q->available[1]) {
        u16 id = q->available[2 + q->seen % q->size];
        struct virtq_descriptor *d = &q->descriptors[id % q->size];
        u32 part = MIN(left, d->n);
        memset((u8 *)d->at, (int)n, part);
        head = head ? head : d;
        q->seen = wrap_add16(q->seen, 1);
        count++;
        left -= part;
        put_used(q, id, part);
    }
    header.buffers = buffers_said ? buffers_said : count;
    if (head)
        memcpy((u8 *)head->at, &header, sizeof header);
}

static bool is_ours(u64 at, u32 n)
{
    if (in_place((const u8 *)at, n) != 0)
        return true;
    for (size_t i = 0; i < blocks.n; i++)
        if (view_inside((struct view){(const u8 *)at, n}, view_of(AT(blocks.each, i))))
            return true;
    return false;
}

/* … or transmits a chain: every piece of it is memory that the driver may name. */
static void transmit_chain(bool returns)
{
    struct queue *q = &queues[1];
    volatile u8 sum = 0;
    if (q->seen == q->available[1])
        return;
    u16 id = q->available[2 + q->seen % q->size];
    q->seen = wrap_add16(q->seen, 1);
    struct virtq_descriptor *d = &q->descriptors[id % q->size];
    for (u16 i = 0; i < q->size; i++) {
        must(is_ours(d->at, d->n));
        for (u32 b = 0; b < d->n; b += 64)
            sum = (u8)(sum + ((const u8 *)d->at)[b]);
        if (!(d->flags & 1))
            break;
        d = &q->descriptors[d->next % q->size];
    }
    if (returns)
        put_used(q, id, 0);
}

/* Any number anywhere in what the device may write. */
static void break_ring(void)
{
    struct queue *q = &queues[get_u8(&input) & 1];
    q = q->size > 0 ? q : &queues[0]; /* a disk has one */
    u16 at = get_le16(&input), value = get_le16(&input);
    q->used_ring[at % (3 + 4 * q->size)] = value;
    q->used = q->used_ring[1];
}

static void take_frames(struct metal_net *n)
{
    struct host_rx frames[FRAMES];
    volatile u8 sum = 0;
    i64 got = metal_net_rx(n, frames, 1 + get_u8(&input) % FRAMES);
    must(got >= 0 && got <= FRAMES);
    for (i64 i = 0; i < got; i++) {
        must(frames[i].offset <= WINDOW && frames[i].n <= WINDOW - frames[i].offset);
        for (u32 b = 0; b < frames[i].n; b++)
            sum = (u8)(sum + n->window[frames[i].offset + b]);
    }
}

static void send_frames(struct metal_net *n)
{
    static u8 changing[CONSTANT];
    struct host_iov parts[FRAMES][NET_PARTS_MAX];
    struct host_tx frames[FRAMES];
    u32 count = 1 + get_u8(&input) % FRAMES;
    for (u32 i = 0; i < count; i++) {
        u8 shape = get_u8(&input);
        frames[i] = (struct host_tx){.parts = parts[i], .count = shape % (NET_PARTS_MAX + 1)};
        for (u32 p = 0; p < frames[i].count; p++)
            parts[i][p] = (struct host_iov){(p ^ shape) & 1 ? constant : changing,
                                            (get_u8(&input) * 37u + shape) % CONSTANT};
    }
    must(metal_net_tx(n, frames, count) <= count);
}

/* Whether the driver is told of what the device does next with this queue (§2.7.7.1). */
static bool will_interrupt(const struct queue *q)
{
    return !(offered & VIRTIO_EVENT_INDEX) || q->available[2 + q->size] == q->used;
}

/* Who sleeps with nothing to do is woken by the first thing that is done. */
static void fall_asleep(struct metal_net *n)
{
    metal_net_want_interrupt(n, true, true);
    if (!metal_net_pending(n))
        must(will_interrupt(&queues[0]));
    if (metal_net_full(n))
        must(will_interrupt(&queues[1]));
}

static void step(struct metal_net *n)
{
    switch (get_u8(&input) % 10) {
    case 0:
        break_ring();
        break;
    case 1:
        receive_frame(get_le16(&input), 0);
        break;
    case 2:
        receive_frame(get_u8(&input), get_u8(&input));
        break;
    case 3:
        transmit_chain(false);
        break;
    case 4:
    case 5:
        transmit_chain(true);
        break;
    case 6:
    case 7:
        take_frames(n);
        break;
    case 8:
        send_frames(n);
        break;
    default:
        fall_asleep(n);
    }
}

static void run_net(void)
{
    static const struct virtq_memory memory = {new_block, same_address};
    static struct metal_net n;
    struct virtio v = {.ops = &ops, .kind = VIRTIO_NET};
    struct span window = new_block(WINDOW);
    n = (struct metal_net){.readable = readable, .in_place = in_place};
    offered = get_le64(&input) | VIRTIO_VERSION_1;
    if (metal_net_start(&n, &v, window, (u64)window.p, &memory) != OK)
        return;
    for (int i = 0; i < STEPS_MAX && !input.bad; i++)
        step(&n);
}

/* ---- disks ------------------------------------------------------------------------------ */

static struct span disk_memory;

static bool in_disk_memory(const void *p, u64 n)
{
    return (const u8 *)p >= disk_memory.p && n <= disk_memory.n &&
           (u64)((const u8 *)p - disk_memory.p) <= disk_memory.n - n;
}

/* The image's memory, and this file's arrays of requests and of what is done. */
static struct view arrays;

static bool readable_of_disk(const void *p, u64 n)
{
    return in_disk_memory(p, n) || view_inside((struct view){p, n}, arrays);
}

/* Serves the next chain: what it writes lies where the driver said, and nothing else. */
static void serve_chain(u8 status_byte)
{
    struct queue *q = &queues[0];
    if (q->seen == q->available[1])
        return;
    u16 id = q->available[2 + q->seen % q->size];
    struct virtq_descriptor *d = &q->descriptors[id % q->size];
    q->seen = wrap_add16(q->seen, 1);
    for (u16 i = 0; i < q->size; i++) {
        must(is_ours(d->at, d->n));
        if (d->flags & VIRTQ_WRITES)
            memset((u8 *)d->at, status_byte, d->n);
        if (!(d->flags & 1))
            break;
        d = &q->descriptors[d->next % q->size];
    }
    put_used(q, id, 1);
}

static void submit_requests(struct metal_block *b, u64 *under_way)
{
    struct host_block requests[FRAMES];
    u32 count = 1 + get_u8(&input) % FRAMES;
    for (u32 i = 0; i < count; i++) {
        u64 unit = b->about.block_bytes, n = unit * (get_u8(&input) % 5);
        requests[i] = (struct host_block){.tag = get_u8(&input),
                                          .op = get_u8(&input) % 5,
                                          .offset = unit * get_u8(&input),
                                          .p = disk_memory.p + get_le16(&input),
                                          .n = n};
        if (requests[i].op == HOST_BLOCK_FLUSH)
            requests[i].offset = requests[i].n = 0;
        if (requests[i].op == HOST_BLOCK_DISCARD)
            requests[i].n = unit * get_le16(&input);
    }
    arrays = VIEW_OF(requests);
    i64 taken = metal_block_submit(b, requests, count);
    must(taken >= -1 && taken <= (i64)count);
    *under_way += taken < 0 ? 0 : (u64)taken;
    must(*under_way <= HOST_BLOCK_QUEUE);
}

static void reap_requests(struct metal_block *b, u64 *under_way)
{
    struct host_block_done done[FRAMES];
    arrays = VIEW_OF(done);
    i64 n = metal_block_reap(b, done, 1 + get_u8(&input) % FRAMES);
    must(n >= 0 && (u64)n <= *under_way);
    *under_way -= (u64)n;
}

static void run_block(void)
{
    static const struct virtq_memory memory = {new_block, same_address};
    static struct metal_block b;
    struct virtio v = {.ops = &ops, .kind = VIRTIO_BLOCK};
    u64 under_way = 0;
    disk_memory = new_block(64 << 10);
    b = (struct metal_block){
        .readable = readable_of_disk, .writable = readable_of_disk, .physical = same_address};
    offered = get_le64(&input) | VIRTIO_VERSION_1;
    if (metal_block_start(&b, &v, &memory) != OK)
        return;
    for (int i = 0; i < STEPS_MAX && !input.bad; i++) {
        switch (get_u8(&input) % 8) {
        case 0:
            break_ring();
            break;
        case 1:
            serve_chain(get_u8(&input));
            break;
        case 2:
        case 3:
            serve_chain(0);
            break;
        case 4:
        case 5:
            submit_requests(&b, &under_way);
            break;
        case 6:
            reap_requests(&b, &under_way);
            break;
        default:
            metal_block_want_interrupt(&b);
            must(metal_block_pending(&b) || will_interrupt(&queues[0]));
            must(!metal_block_full(&b) || under_way > 0);
        }
    }
}

/* The transports, over registers that hold anything. */
static void run_registers(void)
{
    static const struct virtq_memory memory = {new_block, same_address};
    struct span registers = new_block(0x200), notify_area = new_block(16), own = new_block(8);
    struct virtq q;
    struct virtio v;
    struct virtio_pci rest = {.notify = notify_area, .own = own, .notify_step = get_le32(&input)};
    copy(registers, get_bytes(&input, MIN(input.rest.n, registers.n)));
    if (get_u8(&input) & 1)
        virtio_pci_init(&v, VIRTIO_NET, registers.p, &rest);
    else if (!virtio_mmio_init(&v, registers.p))
        return;
    if (virtio_start(&v, UINT64_MAX) != OK || virtq_init(&q, &v, 0, VIRTQ_SIZE_MAX, &memory) != OK)
        return;
    virtio_ready(&v);
    virtq_set(&q, 0, 0, 1, 0);
    virtq_submit(&q, 0, 1, 0);
    virtq_tell(&q);
    (void)v.ops->config(&v, 0, 4);
    v.ops->acknowledge(&v);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    input = reader_of((struct view){data, n});
    blocks.n = 0;
    queues[1] = (struct queue){0};
    u8 which = get_u8(&input) % 8;
    if (which == 0)
        run_registers();
    else if (which < 4)
        run_block();
    else
        run_net();
    for (size_t i = 0; i < blocks.n; i++)
        free(AT(blocks.each, i).p);
    return 0;
}
