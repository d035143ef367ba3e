/* virtio-pci, modern (Virtual I/O Device 1.2, §4.1.4): the registers, once pci.c found
 * them. All queues interrupt by the first MSI-X entry; configuration changes do not. */
#include "base/num.h"
#include "host/metal/virtio.h"

/* struct virtio_pci_common_cfg */
enum {
    DEVICE_FEATURE_SELECT = 0,
    DEVICE_FEATURE = 4,
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    CONFIG_VECTOR = 16,
    STATUS = 20,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESCRIPTORS = 32,
    QUEUE_AVAILABLE = 40,
    QUEUE_USED = 48,
    NO_VECTOR = 0xffff,
};

static u16 get_16(const struct virtio *v, u32 offset)
{
    return *(volatile u16 *)(void *)(v->registers + offset);
}

static void put_16(const struct virtio *v, u32 offset, u16 value)
{
    *(volatile u16 *)(void *)(v->registers + offset) = value;
}

static u32 get_32(const struct virtio *v, u32 offset)
{
    return *(volatile u32 *)(void *)(v->registers + offset);
}

static void put_32(const struct virtio *v, u32 offset, u32 value)
{
    *(volatile u32 *)(void *)(v->registers + offset) = value;
}

static void put_64(const struct virtio *v, u32 offset, u64 value)
{
    put_32(v, offset, (u32)(value & UINT32_MAX));
    put_32(v, offset + 4, (u32)(value >> 32));
}

static u64 features(struct virtio *v)
{
    put_32(v, DEVICE_FEATURE_SELECT, 1);
    u64 high = get_32(v, DEVICE_FEATURE);
    put_32(v, DEVICE_FEATURE_SELECT, 0);
    return high << 32 | get_32(v, DEVICE_FEATURE);
}

static void accept(struct virtio *v, u64 agreed)
{
    put_32(v, DRIVER_FEATURE_SELECT, 1);
    put_32(v, DRIVER_FEATURE, (u32)(agreed >> 32));
    put_32(v, DRIVER_FEATURE_SELECT, 0);
    put_32(v, DRIVER_FEATURE, (u32)(agreed & UINT32_MAX));
    put_16(v, CONFIG_VECTOR, NO_VECTOR);
}

static u8 status(struct virtio *v)
{
    return *(volatile u8 *)(v->registers + STATUS);
}

static void set_status(struct virtio *v, u8 value)
{
    *(volatile u8 *)(v->registers + STATUS) = value;
}

static u16 queue_max(struct virtio *v, u16 index)
{
    put_16(v, QUEUE_SELECT, index);
    return get_16(v, QUEUE_SIZE);
}

static void queue_on(struct virtio *v, u16 index, u16 size, u64 descriptors, u64 available, u64 used)
{
    put_16(v, QUEUE_SELECT, index);
    put_16(v, QUEUE_SIZE, size);
    put_16(v, QUEUE_VECTOR, 0);
    put_64(v, QUEUE_DESCRIPTORS, descriptors);
    put_64(v, QUEUE_AVAILABLE, available);
    put_64(v, QUEUE_USED, used);
    put_16(v, QUEUE_ENABLE, 1);
    AT(v->pci.notify_at, index) = (u64)get_16(v, QUEUE_NOTIFY_OFF) * v->pci.notify_step;
}

/* Where the device said; a place outside of its registers is not written to. */
static void notify(struct virtio *v, u16 index)
{
    u64 at = AT(v->pci.notify_at, index);
    if (at <= v->pci.notify.n && v->pci.notify.n - at >= sizeof(u16))
        *(volatile u16 *)(void *)(v->pci.notify.p + at) = index;
}

static u32 config(struct virtio *v, u32 offset, u32 bytes)
{
    return offset + bytes <= v->pci.own.n ? virtio_load(v->pci.own.p + offset, bytes) : 0;
}

static void acknowledge(struct virtio *v)
{
    (void)v; /* a message needs none */
}

void virtio_pci_init(struct virtio *v, u32 kind, u8 *common, const struct virtio_pci *rest)
{
    static const struct virtio_ops ops = {
        .features = features,
        .accept = accept,
        .status = status,
        .set_status = set_status,
        .queue_max = queue_max,
        .queue_on = queue_on,
        .notify = notify,
        .config = config,
        .acknowledge = acknowledge,
    };
    *v = (struct virtio){.ops = &ops, .kind = kind, .registers = common, .pci = *rest};
}
