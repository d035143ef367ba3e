/* Binds the signatures of which an image has exactly one (clock, entropy, console,
 * idle, boot) and its network devices to the host's table. What comes back from
 * the host is checked here; a frame outside of its window is dropped. */
#include "host/guest/guest.h"

#include "base/num.h"
#include "sig/clock.h"
#include "sig/console.h"
#include "sig/entropy.h"
#include "sig/idle.h"
#include "sig/manifest.h"

u64 clock_mono_ns(void)
{
    return host_clock_mono();
}

u64 clock_wall_ns(void)
{
    return host_clock_wall();
}

void entropy_fill(struct span out)
{
    while (out.n > 0) {
        size_t n = MIN(out.n, (size_t)256);
        host_entropy(out.p, n);
        out = span_from(out, n);
    }
}

void console_write(struct view text)
{
    if (text.n > 0)
        host_console(text.p, text.n);
}

u64 idle_until(u64 readable, u64 writable, u64 deadline)
{
    return host_wait(readable, writable, deadline) & (readable | writable | 1ull << IDLE_STOP_BIT);
}

void boot_guard_page(struct span page)
{
    must(page.n == 4096 && (uintptr_t)page.p % 4096 == 0);
    must(host_guard(page.p) == 0);
}

noreturn_ void boot_exit(u8 code)
{
    host_exit(code);
}

/* A device, and the host's descriptors of a burst, which would take much of a
 * fiber's stack. */
struct guest_net {
    struct net_dev dev;
    struct view window;
    struct host_rx received[NET_BURST_MAX];
    struct host_tx sending[NET_BURST_MAX];
};

static size_t rx(struct net_dev *dev, struct net_rx_burst burst)
{
    struct guest_net *g = CONTAINER(dev, struct guest_net, dev);
    size_t max = MIN(burst.n, (size_t)NET_BURST_MAX), taken = 0;
    i64 answer = host_net_rx(dev->index, g->received, (u32)max);
    size_t n = answer < 0 ? 0 : MIN((size_t)answer, max);
    for (size_t i = 0; i < n; i++) {
        const struct host_rx *f = &AT(g->received, i);
        const struct host_offload *o = &f->offload;
        if (f->offset > g->window.n || f->n > g->window.n - f->offset)
            continue;
        *net_rx_burst_at(burst, taken) = (struct net_rx){
            .frame = view_sub(g->window, f->offset, f->n),
            .offload = {.flags = o->flags & (NET_NEEDS_CSUM | NET_DATA_VALID),
                        .gso = o->gso,
                        .hdr_len = o->hdr_len,
                        .gso_size = o->gso_size,
                        .csum_start = o->csum_start,
                        .csum_offset = o->csum_offset},
        };
        taken++;
    }
    return taken;
}

_Static_assert(sizeof(struct view) == sizeof(struct host_iov) &&
                   offsetof(struct view, n) == offsetof(struct host_iov, n),
               "a view is passed to the host as it is");

static size_t tx(struct net_dev *dev, struct net_tx_burst burst)
{
    struct guest_net *g = CONTAINER(dev, struct guest_net, dev);
    size_t sent = 0;
    while (sent < burst.n) {
        size_t n = MIN(burst.n - sent, (size_t)NET_BURST_MAX);
        for (size_t i = 0; i < n; i++) {
            const struct net_tx *f = net_tx_burst_at(burst, sent + i);
            const struct net_offload *o = &f->offload;
            must(f->parts.n <= NET_PARTS_MAX);
            AT(g->sending, i) = (struct host_tx){
                .parts = (const struct host_iov *)(const void *)f->parts.p,
                .count = (u32)f->parts.n,
                .offload = {.flags = o->flags,
                            .gso = o->gso,
                            .hdr_len = o->hdr_len,
                            .gso_size = o->gso_size,
                            .csum_start = o->csum_start,
                            .csum_offset = o->csum_offset},
            };
        }
        i64 answer = host_net_tx(dev->index, g->sending, (u32)n);
        size_t taken = answer < 0 ? 0 : MIN((size_t)answer, n);
        sent += taken;
        if (taken < n)
            break;
    }
    return sent;
}

struct net_dev *guest_net(u32 index, const struct host_device *d, struct span *memory)
{
    enum { MTU_MIN = 576, MTU_MAX = 9000 };
    static const struct net_ops ops = {rx, tx};
    if (d->kind != DEVICE_NET || d->mtu < MTU_MIN)
        return NULL;
    struct guest_net *g = (struct guest_net *)(void *)guest_take(memory, sizeof *g).p;
    g->window = (struct view){d->rx_window, d->rx_window_n};
    g->dev = (struct net_dev){
        .ops = &ops,
        .mtu = MIN(d->mtu, (u16)MTU_MAX),
        .queue_bytes = d->queue_bytes,
        .features = d->features & (NET_CSUM | NET_RX_CSUM | NET_TSO4 | NET_TSO6 | NET_USO),
        .index = index,
    };
    copy(SPAN_OF(g->dev.mac), VIEW_OF(d->mac));
    return &g->dev;
}
