#include "host/metal/virtio.h"

#include "base/num.h"

enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    DESCRIPTOR_NEXT = 1,
    RESET_TRIES = 100000,
};

/* Stores before this are seen by the device before stores and loads after it. */
static void fence(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

/* x86 keeps loads in order, and stores: only the compiler must. */
static void keep_order(void)
{
    __asm__ volatile("" ::: "memory");
}

u32 virtio_load(const u8 *p, u32 bytes)
{
    switch (bytes) {
    case 1:
        return *(const volatile u8 *)p;
    case 2:
        return *(const volatile u16 *)(const void *)p;
    default:
        return *(const volatile u32 *)(const void *)p;
    }
}

/* In this order and one at a time (§3.1.1): Firecracker ignores any other way up. */
enum err virtio_start(struct virtio *v, u64 wanted)
{
    v->ops->set_status(v, 0);
    for (u32 i = 0; v->ops->status(v) != 0; i++)
        if (i == RESET_TRIES)
            return ERR_UNSUPPORTED;
    v->ops->set_status(v, STATUS_ACKNOWLEDGE);
    v->ops->set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    wanted |= VIRTIO_VERSION_1 | VIRTIO_EVENT_INDEX | VIRTIO_ACCESS_PLATFORM;
    v->features = v->ops->features(v) & wanted;
    if (!(v->features & VIRTIO_VERSION_1))
        return ERR_UNSUPPORTED;
    v->ops->accept(v, v->features);
    v->ops->set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return v->ops->status(v) & STATUS_FEATURES_OK ? OK : ERR_UNSUPPORTED;
}

void virtio_ready(struct virtio *v)
{
    v->ops->set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

/* Both rings: flags and index, the entries, and the other side's event index. */
enum err virtq_init(struct virtq *q, struct virtio *v, u16 index, u16 size, const struct virtq_memory *m)
{
    u16 max = MIN(v->ops->queue_max(v, index), size);
    *q = (struct virtq){.v = v, .index = index, .size = 1};
    while (q->size * 2 <= max && q->size < VIRTQ_SIZE_MAX) /* a power of two */
        q->size = (u16)(q->size * 2);
    if (max < 2)
        return ERR_UNSUPPORTED;
    struct span descriptors = m->new(q->size * sizeof(struct virtq_descriptor));
    struct span available = m->new(6 + 2 * (u64)q->size);
    struct span used = m->new(6 + sizeof(struct virtq_used) * q->size);
    q->descriptors = (struct virtq_descriptor *)(void *)descriptors.p;
    q->available = (volatile u16 *)(void *)available.p;
    q->used = (volatile u16 *)(void *)used.p;
    q->used_event = q->available + 2 + q->size;
    q->available_event = q->used + 2 + 4 * q->size;
    v->ops->queue_on(v, index, q->size, m->physical(descriptors.p), m->physical(available.p),
                     m->physical(used.p));
    return OK;
}

static struct virtq_descriptor *descriptor(struct virtq *q, u16 at)
{
    must_in_bounds(at < q->size);
    return q->descriptors + at;
}

void virtq_set(struct virtq *q, u16 at, u64 physical, u32 n, u16 flags)
{
    *descriptor(q, at) = (struct virtq_descriptor){physical, n, flags, 0};
}

void virtq_submit(struct virtq *q, u16 first, u16 count, u16 reads)
{
    must(count > 0 && count <= q->size && AT(q->chains, first) == 0);
    for (u16 i = 0, at = first; i < count; i++) {
        u16 next = (u16)((at + 1) % q->size);
        struct virtq_descriptor *d = descriptor(q, at);
        d->flags = (u16)((i >= reads ? VIRTQ_WRITES : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0));
        d->next = next;
        at = next;
    }
    AT(q->chains, first) = count;
    q->available[2 + q->submitted % q->size] = first;
    q->submitted = wrap_add16(q->submitted, 1);
    keep_order();
    q->available[1] = q->submitted;
}

/* With event indices: whether the index it asked for lies in what is new (§2.7.7.2). */
static bool wants_to_know(const struct virtq *q)
{
    if (!(q->v->features & VIRTIO_EVENT_INDEX))
        return !(q->used[0] & 1);
    u16 behind = wrap_add16(q->submitted, (u16) ~*q->available_event);
    return behind < wrap_add16(q->submitted, wrap_add16((u16)~q->told, 1));
}

void virtq_tell(struct virtq *q)
{
    if (q->told == q->submitted)
        return;
    fence();
    if (wants_to_know(q))
        q->v->ops->notify(q->v, q->index);
    q->told = q->submitted;
}

bool virtq_has(const struct virtq *q)
{
    return q->used[1] != q->taken;
}

bool virtq_take(struct virtq *q, u16 *first, u32 *n)
{
    while (virtq_has(q)) {
        keep_order();
        const volatile struct virtq_used *entry =
            (const volatile struct virtq_used *)(const volatile void *)(q->used + 2) + q->taken % q->size;
        u32 id = entry->id, written = entry->n;
        q->taken = wrap_add16(q->taken, 1);
        if (id >= q->size || AT(q->chains, id) == 0)
            continue;
        AT(q->chains, id) = 0;
        *first = (u16)id;
        *n = written;
        return true;
    }
    return false;
}

/* Without event indices it always interrupts; only waits notice. */
void virtq_want_interrupt(struct virtq *q)
{
    *q->used_event = q->taken;
    fence();
}
