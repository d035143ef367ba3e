#include "host/metal/net.h"

#include "base/num.h"
#include "sig/manifest.h"
#include "sig/net.h"

/* Feature bits (§5.1.3). */
#define F_CSUM ((u64)1 << 0)
#define F_GUEST_CSUM ((u64)1 << 1)
#define F_MTU ((u64)1 << 3)
#define F_MAC ((u64)1 << 5)
#define F_GUEST_TSO4 ((u64)1 << 7)
#define F_GUEST_TSO6 ((u64)1 << 8)
#define F_HOST_TSO4 ((u64)1 << 11)
#define F_HOST_TSO6 ((u64)1 << 12)
#define F_MRG_RXBUF ((u64)1 << 15)
#define F_HOST_USO ((u64)1 << 56)

enum { RX = 0, TX = 1, CONFIG_MAC = 0, CONFIG_MTU = 10, MTU_DEFAULT = 1500, MTU_MAX = 9000 };

_Static_assert(sizeof(struct host_offload) == NET_HEADER, "struct virtio_net_hdr");
_Static_assert(MTU_DEFAULT + 14 + NET_HEADER <= NET_BUFFER, "a frame fits one buffer");

/* ---- starting ----------------------------------------------------------------------- */

/* Without mergeable buffers a super-frame has nowhere to go. */
static enum err agree(struct virtio *v)
{
    const u64 guest = F_GUEST_TSO4 | F_GUEST_TSO6, always = F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC |
                                                            F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_USO |
                                                            F_MRG_RXBUF;
    TRY(virtio_start(v, always | guest));
    return v->features & F_MRG_RXBUF ? OK : virtio_start(v, always);
}

static u32 net_features(u64 f)
{
    return (f & F_CSUM ? NET_CSUM : 0u) | (f & F_GUEST_CSUM ? NET_RX_CSUM : 0u) |
           (f & F_HOST_TSO4 ? NET_TSO4 : 0u) | (f & F_HOST_TSO6 ? NET_TSO6 : 0u) |
           (f & F_HOST_USO ? NET_USO : 0u);
}

static void describe(struct metal_net *n)
{
    struct virtio *v = n->v;
    n->about =
        (struct host_device){.kind = DEVICE_NET, .features = net_features(v->features), .mtu = MTU_DEFAULT};
    for (u32 i = 0; i < 6; i++)
        AT(n->about.mac, i) = v->features & F_MAC ? (u8)(v->ops->config(v, CONFIG_MAC + i, 1) & 0xff) : 0;
    if (!(v->features & F_MAC)) /* no other device here has it */
        copy(SPAN_OF(n->about.mac), VIEW("\x02Pith\x01"));
    if ((v->features & F_MTU) && (v->features & F_MRG_RXBUF)) {
        u32 mtu = v->ops->config(v, CONFIG_MTU, 2);
        n->about.mtu = (u16)MIN(MAX(mtu, (u32)576), (u32)MTU_MAX);
    }
}

static void give_buffer(struct metal_net *n, u16 i)
{
    virtq_set(&n->rx, i, n->window_physical + (u64)i * NET_BUFFER, NET_BUFFER, 0);
    virtq_submit(&n->rx, i, 1, 0);
}

enum err metal_net_start(struct metal_net *n, struct virtio *v, struct span window, u64 window_physical,
                         const struct virtq_memory *m)
{
    n->v = v;
    n->window = window.p;
    n->window_physical = window_physical;
    if (window.n < NET_FRAME_MAX + NET_HEADER + NET_BUFFER)
        return ERR_TOO_BIG;
    TRY(agree(v));
    describe(n);
    TRY(virtq_init(&n->rx, v, RX, VIRTQ_SIZE_MAX, m));
    TRY(virtq_init(&n->tx, v, TX, VIRTQ_SIZE_MAX, m));
    struct span copies = m->new(NET_COPIES);
    n->copies = copies.p;
    n->copies_physical = m->physical(copies.p);
    n->descriptors_free = n->tx.size;
    n->buffers = (u16)MIN((window.n - NET_FRAME_MAX - NET_HEADER) / NET_BUFFER, (size_t)n->rx.size);
    virtio_ready(v);
    for (u16 i = 0; i < n->buffers; i++)
        give_buffer(n, i);
    virtq_tell(&n->rx);
    return OK;
}

/* ---- receiving ------------------------------------------------------------------------ */

/* The next buffer that the device filled with n bytes; noted, to be given back. */
static bool take_buffer(struct metal_net *n, u16 *buffer, u32 *bytes)
{
    if (n->handed_n == n->buffers || !virtq_take(&n->rx, buffer, bytes))
        return false;
    *bytes = MIN(*bytes, (u32)NET_BUFFER);
    AT(n->handed, n->handed_n) = *buffer;
    n->handed_n++;
    return true;
}

/* The rest of a frame that takes `more` buffers besides `first`, each full but the last.
 * What begins at the window's start again is copied behind its end. False: they do not
 * follow each other, or do not all come. */
static bool take_rest(struct metal_net *n, u16 first, u32 more, u64 *bytes)
{
    bool right = true;
    u16 expected = first, buffer;
    for (; more > 0; more--) {
        u32 got;
        if (!take_buffer(n, &buffer, &got))
            return false;
        expected = (u16)((expected + 1) % n->buffers);
        right = right && buffer == expected && *bytes % NET_BUFFER == 0 &&
                *bytes + got <= NET_FRAME_MAX + NET_HEADER;
        if (right && expected < first)
            memcpy(n->window + (u64)first * NET_BUFFER + *bytes, n->window + (u64)buffer * NET_BUFFER, got);
        *bytes += got;
    }
    return right;
}

i64 metal_net_rx(struct metal_net *n, struct host_rx *frames, u32 max)
{
    u32 count = 0, got;
    u16 first;
    for (u16 i = 0; i < n->handed_n; i++)
        give_buffer(n, AT(n->handed, i));
    n->handed_n = 0;
    virtq_tell(&n->rx);
    while (count < max && take_buffer(n, &first, &got)) {
        struct host_offload offload;
        u64 at = (u64)first * NET_BUFFER, bytes = got;
        if (got < NET_HEADER)
            continue;
        memcpy(&offload, n->window + at, NET_HEADER);
        u16 buffers = n->v->features & F_MRG_RXBUF ? offload.buffers : 1;
        if (buffers == 0 || buffers > n->buffers || !take_rest(n, first, buffers - 1u, &bytes))
            continue;
        frames[count++] = (struct host_rx){(u32)at + NET_HEADER, (u32)(bytes - NET_HEADER), offload};
    }
    return count;
}

bool metal_net_pending(const struct metal_net *n)
{
    return virtq_has(&n->rx);
}

/* ---- transmitting ----------------------------------------------------------------------- */

static void reclaim(struct metal_net *n)
{
    u16 first;
    u32 written;
    while (virtq_take(&n->tx, &first, &written))
        for (u16 i = 0; i < n->sent_n; i++) {
            struct net_sent *s = &AT(n->sent, (n->sent_from + i) % VIRTQ_SIZE_MAX);
            if (s->first == first) {
                s->done = true;
                break;
            }
        }
    while (n->sent_n > 0 && AT(n->sent, n->sent_from).done) {
        n->descriptors_free = (u16)(n->descriptors_free + AT(n->sent, n->sent_from).count);
        n->copies_from = AT(n->sent, n->sent_from).copies_end;
        n->sent_from = (u16)((n->sent_from + 1) % VIRTQ_SIZE_MAX);
        n->sent_n--;
    }
    if (n->sent_n == 0)
        n->copies_from = n->copies_to = 0;
}

/* n bytes in one piece, between copies_to and copies_from; NULL: not now. */
static u8 *take_copies(struct metal_net *n, u32 bytes)
{
    if (n->copies_to >= n->copies_from) {
        if (bytes <= NET_COPIES - n->copies_to)
            return n->copies + n->copies_to;
        n->copies_to = n->sent_n > 0 && bytes < n->copies_from ? 0 : n->copies_to;
        return n->copies_to == 0 ? n->copies : NULL;
    }
    return bytes < n->copies_from - n->copies_to ? n->copies + n->copies_to : NULL;
}

/* False: it makes no sense. */
static bool look_at_frame(const struct metal_net *n, const struct host_tx *from, struct net_frame *f)
{
    const struct host_tx tx = *from;
    u64 bytes = 0;
    bool copying = true;
    f->descriptors = 1;
    f->copied = NET_HEADER;
    f->count = tx.count;
    if (tx.count > NET_PARTS_MAX || !n->readable(tx.parts, tx.count * sizeof *tx.parts))
        return false;
    for (u32 i = 0; i < tx.count; i++) {
        struct host_iov part = tx.parts[i];
        if (part.n > NET_FRAME_MAX - bytes || !n->readable(part.p, part.n))
            return false;
        bytes += part.n;
        AT(f->parts, i) = part;
        AT(f->in_place, i) = part.n >= NET_IN_PLACE_MIN ? n->in_place(part.p, part.n) : 0;
        bool copied = AT(f->in_place, i) == 0;
        f->copied += copied ? (u32)part.n : 0;
        f->descriptors += !copied || !copying;
        copying = copied;
    }
    if (f->descriptors > n->tx.size) { /* a device with a short queue: all in one piece */
        for (u32 i = 0; i < tx.count; i++)
            AT(f->in_place, i) = 0;
        f->descriptors = 1;
        f->copied = NET_HEADER + (u32)bytes;
    }
    f->bytes = bytes;
    return bytes > 0;
}

/* Whether a device can do what the offload words say. QEMU's stops for good at some that
 * it cannot, so such a frame is lost here. */
static bool can_offload(const struct metal_net *n, const struct net_frame *f, struct host_offload o)
{
    const u32 needs = o.gso == NET_GSO_TCP4   ? NET_TSO4
                      : o.gso == NET_GSO_TCP6 ? NET_TSO6
                      : o.gso == NET_GSO_UDP  ? NET_USO
                                              : 0;
    if ((o.flags & ~NET_NEEDS_CSUM) || (o.gso != NET_GSO_NONE && !(n->about.features & needs)))
        return false;
    if (o.gso != NET_GSO_NONE && (!(o.flags & NET_NEEDS_CSUM) || o.gso_size == 0 || o.hdr_len > f->bytes))
        return false;
    return !(o.flags & NET_NEEDS_CSUM) ||
           ((n->about.features & NET_CSUM) && o.csum_start + (u64)o.csum_offset + sizeof(u16) <= f->bytes);
}

/* Pieces that are copied lie behind each other, from the header on, in one descriptor. */
static void put_frame(struct metal_net *n, const struct net_frame *f, const struct host_offload *offload,
                      u8 *to)
{
    u64 physical = n->copies_physical + (u64)(to - n->copies);
    u32 run = NET_HEADER;
    u16 at = n->next, used = 0;
    memcpy(to, offload, NET_HEADER);
    to += NET_HEADER;
    for (u32 i = 0; i <= f->count; i++) {
        u64 in_place = i < f->count ? AT(f->in_place, i) : 0;
        if (i < f->count && in_place == 0) {
            memcpy(to, AT(f->parts, i).p, AT(f->parts, i).n);
            to += AT(f->parts, i).n;
            run += (u32)AT(f->parts, i).n;
            continue;
        }
        if (run > 0) {
            virtq_set(&n->tx, (u16)((at + used++) % n->tx.size), physical, run, 0);
            physical += run;
            run = 0;
        }
        if (in_place != 0)
            virtq_set(&n->tx, (u16)((at + used++) % n->tx.size), in_place, (u32)AT(f->parts, i).n, 0);
    }
    virtq_submit(&n->tx, at, used, used);
    AT(n->sent, (n->sent_from + n->sent_n) % VIRTQ_SIZE_MAX) =
        (struct net_sent){at, used, n->copies_to, false};
    n->sent_n++;
    n->next = (u16)((at + used) % n->tx.size);
    n->descriptors_free = (u16)(n->descriptors_free - used);
}

/* False: no room now. */
static bool send_frame(struct metal_net *n, const struct net_frame *f, struct host_offload offload)
{
    u8 *to = f->descriptors <= n->descriptors_free ? take_copies(n, f->copied) : NULL;
    if (!to)
        return false;
    n->copies_to = (u32)(to - n->copies) + f->copied;
    offload.buffers = 0;
    put_frame(n, f, &offload, to);
    return true;
}

i64 metal_net_tx(struct metal_net *n, const struct host_tx *frames, u32 count)
{
    struct net_frame *f = &n->frame;
    u32 i = 0;
    n->full = false;
    reclaim(n);
    for (; i < count && !n->full; i++) {
        if (!look_at_frame(n, &frames[i], f)) {
            virtq_tell(&n->tx);
            return -1;
        }
        struct host_offload offload = frames[i].offload;
        n->full = can_offload(n, f, offload) && !send_frame(n, f, offload);
    }
    virtq_tell(&n->tx);
    return n->full ? i - 1 : i;
}

/* Room is a quarter of everything: what comes next may be large. */
bool metal_net_full(struct metal_net *n)
{
    if (!n->full)
        return false;
    reclaim(n);
    u32 used = n->copies_to >= n->copies_from ? n->copies_to - n->copies_from
                                              : NET_COPIES - n->copies_from + n->copies_to;
    n->full = n->sent_n > 0 && (n->descriptors_free < n->tx.size / 4 || used > NET_COPIES / 2);
    return n->full;
}

/* What is reclaimed after the question would be past the index that was asked for, and the
 * rest of it would not interrupt any more: so all that is done is reclaimed before. */
void metal_net_want_interrupt(struct metal_net *n, bool readable, bool writable)
{
    if (readable)
        virtq_want_interrupt(&n->rx);
    for (bool more = writable; more; more = virtq_has(&n->tx)) {
        reclaim(n);
        virtq_want_interrupt(&n->tx);
    }
}
