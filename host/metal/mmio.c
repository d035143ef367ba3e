/* virtio-mmio (Virtual I/O Device 1.2, §4.2). */
#include "base/num.h"
#include "host/metal/virtio.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SELECT = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SELECT = 0x024,
    QUEUE_SELECT = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_ACKNOWLEDGE = 0x064,
    STATUS = 0x070,
    QUEUE_DESCRIPTORS = 0x080,
    QUEUE_AVAILABLE = 0x090,
    QUEUE_USED = 0x0a0,
    CONFIG = 0x100,
    CONFIG_END = 0x200,
    MAGIC_VALUE = 0x74726976, /* "virt" */
};

static u32 get(const struct virtio *v, u32 offset)
{
    return *(volatile u32 *)(void *)(v->registers + offset);
}

static void put(const struct virtio *v, u32 offset, u32 value)
{
    *(volatile u32 *)(void *)(v->registers + offset) = value;
}

static void put_64(const struct virtio *v, u32 offset, u64 value)
{
    put(v, offset, (u32)(value & UINT32_MAX));
    put(v, offset + 4, (u32)(value >> 32));
}

static u64 features(struct virtio *v)
{
    put(v, DEVICE_FEATURES_SELECT, 1);
    u64 high = get(v, DEVICE_FEATURES);
    put(v, DEVICE_FEATURES_SELECT, 0);
    return high << 32 | get(v, DEVICE_FEATURES);
}

static void accept(struct virtio *v, u64 agreed)
{
    put(v, DRIVER_FEATURES_SELECT, 1);
    put(v, DRIVER_FEATURES, (u32)(agreed >> 32));
    put(v, DRIVER_FEATURES_SELECT, 0);
    put(v, DRIVER_FEATURES, (u32)(agreed & UINT32_MAX));
}

static u8 status(struct virtio *v)
{
    return (u8)(get(v, STATUS) & 0xff);
}

static void set_status(struct virtio *v, u8 value)
{
    put(v, STATUS, value);
}

static u16 queue_max(struct virtio *v, u16 index)
{
    put(v, QUEUE_SELECT, index);
    return (u16)MIN(get(v, QUEUE_SIZE_MAX), (u32)UINT16_MAX);
}

static void queue_on(struct virtio *v, u16 index, u16 size, u64 descriptors, u64 available, u64 used)
{
    put(v, QUEUE_SELECT, index);
    put(v, QUEUE_SIZE, size);
    put_64(v, QUEUE_DESCRIPTORS, descriptors);
    put_64(v, QUEUE_AVAILABLE, available);
    put_64(v, QUEUE_USED, used);
    put(v, QUEUE_READY, 1);
}

static void notify(struct virtio *v, u16 index)
{
    put(v, QUEUE_NOTIFY, index);
}

static u32 config(struct virtio *v, u32 offset, u32 bytes)
{
    must_in_bounds(offset + bytes <= CONFIG_END - CONFIG);
    return virtio_load(v->registers + CONFIG + offset, bytes);
}

/* Whatever it was for: the rings are looked at in any case. */
static void acknowledge(struct virtio *v)
{
    put(v, INTERRUPT_ACKNOWLEDGE, 3);
}

bool virtio_mmio_init(struct virtio *v, u8 *registers)
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
    *v = (struct virtio){.ops = &ops, .registers = registers};
    v->kind = get(v, MAGIC) == MAGIC_VALUE && get(v, VERSION) == 2 ? get(v, DEVICE_ID) : 0;
    return v->kind != 0;
}
