/* What a host does when its functions are called with arguments that make no sense, and
 * what it passes to an image that boots: host/host.h and doc/host-interface.md, word for
 * word. Nothing here may end the image: what must end it is in main.c. */
#include "base/num.h"
#include "host/guest/guest.h"
#include "sig/manifest.h"
#include "test/conform/table.h"

enum { PAGE = 4096, FRAME_MAX = 65535 + 14, FAR = 1 << 30 };

const struct host_boot *conform_boot;

/* Not known to the compiler, which would otherwise say what comes of it. */
void *conform_pointer(u64 address)
{
    void *p;
    __asm__ volatile("" : "=r"(p) : "0"(address));
    return p;
}

static const struct host_device *device_at(u64 i)
{
    return (const struct host_device *)conform_pointer((u64)conform_boot->devices +
                                                       i * sizeof(struct host_device));
}

/* ---- the boot record ------------------------------------------------------------- */

static const char *boot_record_is_whole(struct conform *c)
{
    const struct host_boot *b = conform_boot;
    (void)c;
    if (b->magic != HOST_MAGIC || b->abi != HOST_ABI || b->size < sizeof *b)
        return "magic, version or size";
    if (!b->table || !b->memory || b->memory_n == 0 || b->devices_n > GUEST_DEVICES_MAX)
        return "something is missing";
    return b->keys_n != 1 ? "not every key is there" : NULL;
}

static const char *every_function_is_there(struct conform *c)
{
    (void)c;
    for (u64 i = 0; i < HOST_FUNCTIONS; i++)
        if (*(const u64 *)conform_pointer((u64)conform_boot->table + i * 8) == 0)
            return "one is not";
    return NULL;
}

static const char *memory_is_zeroed_whole_pages(struct conform *c)
{
    u64 at = (u64)conform_boot->memory, n = conform_boot->memory_n;
    (void)c;
    if (at % PAGE != 0 || n % PAGE != 0)
        return "not whole pages";
    for (u64 i = 0; i < n; i += 8)
        if (*(const u64 *)conform_pointer(at + i) != 0)
            return "not zeroed";
    *(u64 *)conform_pointer(at) = 1;
    *(u64 *)conform_pointer(at + n - 8) = 1;
    return NULL;
}

static const char *entropy_for_the_start(struct conform *c)
{
    (void)c;
    for (size_t i = 0; i < sizeof conform_boot->entropy; i++)
        if (AT(conform_boot->entropy, i) != 0)
            return NULL;
    return "none";
}

static const char *devices_are_described(struct conform *c)
{
    (void)c;
    for (u64 i = 0; i < conform_boot->devices_n; i++) {
        const struct host_device *d = device_at(i);
        u64 low = (u64)d->rx_window, memory = (u64)conform_boot->memory;
        if (d->kind != DEVICE_NET)
            continue;
        if (d->mac[0] & 1)
            return "the address of a group";
        if (d->mtu < 576 || low == 0 || d->rx_window_n < 144 * 1024)
            return "MTU or receive window";
        if (low < memory + conform_boot->memory_n && memory < low + d->rx_window_n)
            return "the receive window lies in the memory";
    }
    return NULL;
}

/* ---- devices that are not there, counts of nothing ------------------------------- */

static const char *no_such_device(struct conform *c)
{
    static const u32 numbers[] = {8, 31, 63, 64, 1 << 16, UINT32_MAX};
    struct host_rx rx;
    struct host_tx tx = {0};
    (void)c;
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (host_net_rx(AT(numbers, i), &rx, 1) != -1 || host_net_tx(AT(numbers, i), &tx, 1) != -1 ||
            host_net_tx(AT(numbers, i), &tx, 0) != -1)
            return "an answer other than -1";
    return host_net_rx((u32)conform_boot->devices_n, &rx, 1) != -1 ? "the one past the last" : NULL;
}

static const char *nothing_is_nothing(struct conform *c)
{
    struct host_rx rx;
    struct host_tx tx;
    (void)c;
    host_console("", 0);
    host_entropy(&rx, 0);
    if (conform_boot->devices_n == 0)
        return NULL;
    if (host_net_tx(0, &tx, 0) != 0)
        return "no frames were not taken";
    return host_net_rx(0, &rx, 0) != 0 ? "frames for nobody" : NULL;
}

/* ---- requests that make no sense --------------------------------------------------- */

static bool is_refused(struct host_block r)
{
    r.p = conform_pointer((u64)conform_boot->memory + conform_boot->memory_n / 2);
    return host_block_submit(1, &r, 1) == -1;
}

static const char *requests_without_sense(struct conform *c)
{
    struct host_block_done done;
    if (!c->disk)
        return "skip: no disk";
    const u64 b = c->disk->block_bytes, end = c->disk->bytes;
    const struct host_block wrong[] = {
        {.op = HOST_BLOCK_READ, .offset = 0, .n = 0},
        {.op = HOST_BLOCK_READ, .offset = 1, .n = b},
        {.op = HOST_BLOCK_READ, .offset = 0, .n = b - 1},
        {.op = HOST_BLOCK_READ, .offset = end, .n = b},
        {.op = HOST_BLOCK_WRITE, .offset = end - b, .n = 2 * b},
        {.op = HOST_BLOCK_WRITE, .offset = UINT64_MAX - b + 1, .n = 2 * b},
        {.op = HOST_BLOCK_WRITE, .offset = 0, .n = HOST_BLOCK_MAX + b},
        {.op = HOST_BLOCK_DISCARD, .offset = b, .n = UINT64_MAX - b + 1},
        {.op = HOST_BLOCK_DISCARD + 1, .offset = 0, .n = b},
        {.op = UINT32_MAX, .offset = 0, .n = b},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (!is_refused(AT(wrong, i)))
            return "one was taken";
    if (host_block_submit(0, wrong, 0) != -1 || host_block_submit(UINT32_MAX, wrong, 1) != -1 ||
        host_block_reap(0, &done, 1) != -1 || host_block_reap(64, &done, 1) != -1)
        return "by a device that is no disk";
    return host_block_reap(1, &done, 1) != 0 ? "one was done" : NULL;
}

/* ---- frames that make no sense ----------------------------------------------------- */

static i64 send_parts(const struct host_iov *parts, u32 count)
{
    struct host_tx tx = {.parts = parts, .count = count};
    return host_net_tx(0, &tx, 1);
}

static const char *frames_without_sense(struct conform *c)
{
    static struct host_iov parts[65];
    if (conform_boot->devices_n == 0)
        return "skip: no network device";
    for (size_t i = 0; i < COUNT(parts); i++)
        AT(parts, i) = (struct host_iov){c->frame, 60};
    if (send_parts(parts, 0) != -1)
        return "no pieces";
    if (send_parts(parts, 65) != -1)
        return "65 pieces";
    AT(parts, 0) = (struct host_iov){c->frame, 0};
    if (send_parts(parts, 1) != -1)
        return "no bytes";
    AT(parts, 0) = (struct host_iov){c->frame, FRAME_MAX + 1};
    if (send_parts(parts, 1) != -1)
        return "one byte too many";
    AT(parts, 0) = (struct host_iov){c->frame, UINT64_MAX};
    if (send_parts(parts, 1) != -1)
        return "more bytes than memory";
    AT(parts, 0) = (struct host_iov){c->frame, 100};
    AT(parts, 1) = (struct host_iov){c->frame, UINT64_MAX - 99};
    return send_parts(parts, 2) != -1 ? "lengths that wrap" : NULL;
}

/* Offload words that mean nothing: taken or not, what follows is sent. */
static const char *offload_words_without_sense(struct conform *c)
{
    struct net_rx f;
    struct host_iov part = {c->frame, 1000};
    if (conform_boot->devices_n == 0)
        return "skip: no network device";
    static const struct host_offload words[] = {
        {.flags = 0xff},
        {.flags = NET_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff},
        {.flags = NET_NEEDS_CSUM, .csum_start = 999, .csum_offset = 2},
        {.gso = 0x7f},
        {.gso = NET_GSO_TCP4, .gso_size = 0},
        {.gso = NET_GSO_TCP4, .gso_size = 0xffff, .hdr_len = 0xffff},
        {.buffers = 0xffff},
    };
    /* A frame that nobody answers, whatever the scenario before had asked for. */
    if (!conform_ask(c, ASK_ECHO, 0, part.n - CONFORM_HEAD))
        return "the device is full";
    for (size_t i = 0; i < COUNT(words); i++) {
        struct host_tx tx = {.parts = &part, .count = 1, .offload = AT(words, i)};
        (void)host_net_tx(0, &tx, 1);
    }
    return conform_ask(c, ASK_ECHO, 1, 100) && conform_answer(c, &f) ? NULL : "no answer afterwards";
}

/* ---- waiting for what is not there, closing what is not one's own ---------------- */

static const char *wait_for_no_such_device(struct conform *c)
{
    u64 start = host_clock_mono(), known = ((u64)1 << conform_boot->devices_n) - 1;
    (void)c;
    for (u32 i = 0; i < 3; i++) {
        u64 ready = host_wait(~known, ~known, host_clock_mono() + 5 * 1000 * 1000);
        if (ready & ~((u64)1 << 63))
            return "one of them is ready";
    }
    return host_clock_mono() - start > (u64)FAR ? "it slept" : NULL;
}

static const char *guards_only_its_memory(struct conform *c)
{
    u64 memory = (u64)conform_boot->memory, n = conform_boot->memory_n;
    const u64 not_its[] = {0,
                           memory + 1,
                           memory + PAGE / 2,
                           memory - PAGE,
                           memory + n,
                           (u64)conform_boot & ~(u64)(PAGE - 1),
                           (u64)conform_boot->table & ~(u64)(PAGE - 1),
                           (u64)&conform_boot & ~(u64)(PAGE - 1),
                           (u64)&guards_only_its_memory & ~(u64)(PAGE - 1),
                           ~(u64)(PAGE - 1),
                           (u64)1 << 63};
    (void)c;
    for (size_t i = 0; i < COUNT(not_its); i++)
        if (host_guard(conform_pointer(AT(not_its, i))) != -1)
            return "an answer other than -1";
    return *(u64 *)conform_pointer(memory) == 1 ? NULL : "and it closed something";
}

/* Closing a page changes nothing beside it, and closing it again nothing at all. */
static const char *guards_a_page(struct conform *c)
{
    u64 page = ((u64)conform_boot->memory + conform_boot->memory_n / 2) & ~(u64)(PAGE - 1);
    (void)c;
    for (u64 i = 0; i < 8; i += 2)
        if (host_guard(conform_pointer(page + i * PAGE)) != 0)
            return "it was refused";
    (void)host_guard(conform_pointer(page));
    for (u64 i = 1; i < 8; i += 2)
        *(volatile u64 *)conform_pointer(page + i * PAGE) = i;
    return NULL;
}

static const struct conform_scenario table[] = {
    {"boot_record_is_whole", boot_record_is_whole},
    {"every_function_is_there", every_function_is_there},
    {"memory_is_zeroed_whole_pages", memory_is_zeroed_whole_pages},
    {"entropy_for_the_start", entropy_for_the_start},
    {"devices_are_described", devices_are_described},
    {"no_such_device", no_such_device},
    {"nothing_is_nothing", nothing_is_nothing},
    {"frames_without_sense", frames_without_sense},
    {"offload_words_without_sense", offload_words_without_sense},
    {"requests_without_sense", requests_without_sense},
    {"wait_for_no_such_device", wait_for_no_such_device},
    {"guards_only_its_memory", guards_only_its_memory},
    {"guards_a_page", guards_a_page},
};
const struct conform_scenarios conform_table = {table, COUNT(table)};
