/* Random bytes: what a virtio-rng device gives (Virtual I/O Device 1.2, §5.4), and what
 * the processor's own generator gives, one over the other, so that either suffices. An
 * appliance without both does not start. */
#include "base/num.h"
#include "host/metal/metal.h"

enum { BUFFER = 256, TRIES = 100000000, PROCESSOR_TRIES = 10 };

static struct {
    bool has_device, has_processor;
    struct virtq q;
    struct span buffer;
    struct view left; /* of the buffer: random, and not used yet */
} rng;

static bool find_processor(void)
{
    enum { RDRAND = 1 << 30 };
    u32 a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c & RDRAND) != 0;
}

void rng_start(void)
{
    static const struct virtq_memory memory = {memory_new, memory_physical};
    struct virtio *v = machine_virtio(VIRTIO_RNG, NULL);
    rng.has_processor = find_processor();
    if (v && virtio_start(v, 0) == OK && virtq_init(&rng.q, v, 0, 2, &memory) == OK) {
        rng.buffer = memory_new(BUFFER);
        virtio_ready(v);
        rng.has_device = true;
    }
    if (!rng.has_device && !rng.has_processor)
        metal_fail("the machine has no source of random bytes: give it a virtio-rng device", "");
}

static void stop_without_entropy(void)
{
    metal_fail("the machine's source of random bytes has ended", "");
}

/* Waits for it, as getrandom does; it may give less than asked for. */
static void ask_device(void)
{
    u16 first;
    u32 n, tries = 0;
    virtq_set(&rng.q, 0, memory_physical(rng.buffer.p), BUFFER, 0);
    virtq_submit(&rng.q, 0, 1, 0);
    virtq_tell(&rng.q);
    while (!virtq_take(&rng.q, &first, &n))
        if (++tries == TRIES)
            stop_without_entropy();
    rng.left = view_of(span_first(rng.buffer, MIN(n, (u32)BUFFER)));
}

/* A question to the device leaves the virtual machine: what it gave is used up first, and
 * erased as it is used. */
static void fill_from_device(struct span out)
{
    while (out.n > 0) {
        if (rng.left.n == 0)
            ask_device();
        struct view part = view_first(rng.left, MIN(out.n, rng.left.n));
        copy(out, part);
        fill((struct span){(u8 *)(uintptr_t)part.p, part.n}, 0);
        rng.left = view_from(rng.left, part.n);
        out = span_from(out, part.n);
    }
}

static u64 processor_word(void)
{
    for (u32 i = 0; i < PROCESSOR_TRIES; i++) {
        u64 x;
        bool got;
        __asm__ volatile("rdrand %0" : "=r"(x), "=@ccc"(got));
        if (got)
            return x;
    }
    stop_without_entropy();
    return 0;
}

static void add_from_processor(struct span out)
{
    for (size_t i = 0; i < out.n; i += sizeof(u64)) {
        u64 word = processor_word();
        for (size_t b = 0; b < sizeof word && i + b < out.n; b++)
            out.p[i + b] ^= (u8)(word >> 8 * b);
    }
}

void rng_fill(struct span out)
{
    fill(out, 0);
    if (rng.has_device)
        fill_from_device(out);
    if (rng.has_processor)
        add_from_processor(out);
}
