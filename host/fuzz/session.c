/* One session: memory as it was before, a boot record, the jump, the end. Booting
 * must be cheap, as most of a campaign is boots: memory stays mapped and of the pages
 * that were ever touched each is cleared, guard pages stay closed (they lie at the
 * same places every time), and the image runs on a stack of its own in this thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "base/num.h"
#include "host/fuzz/internal.h"
#include "sig/net.h"
#include "wire/bundle.h"

enum {
    STACK_BYTES = 256 << 10,
    BUNDLE_BYTES = 64 << 10,
    BY_DHCP = 1, /* of the first byte of a script */
    STALE_PAGES = 600, /* touched pages that are still cheaper to clear than to fault in again */
};

static const u64 START_MONO_NS = 1000 * NS_PER_S;
static const u64 START_WALL_NS = 1767225600 * NS_PER_S; /* 2026-01-01 */

struct fuzz fuzz;

struct fuzz_stats fuzz_stats(void)
{
    return fuzz.stats;
}

/* ---- memory ---------------------------------------------------------------------- */

static u8 *reserve(size_t n)
{
    u8 *p = mmap(NULL, n + 2 * FUZZ_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
    if (p == MAP_FAILED || mprotect(p, FUZZ_PAGE, PROT_NONE) != 0 ||
        mprotect(p + FUZZ_PAGE + n, FUZZ_PAGE, PROT_NONE) != 0) {
        perror("fuzz: memory");
        exit(1);
    }
    madvise(p, n + 2 * FUZZ_PAGE, MADV_NOHUGEPAGE);
    return p + FUZZ_PAGE;
}

/* What it says it boots with, or what it has when the user says nothing. The stacks lie
 * at the beginning either way, so the same pages are closed. */
static void choose_memory(bool least)
{
    const struct manifest_whole *m = &fuzz.image->manifest;
    size_t all = (size_t)(least ? m->about.mem_min_kib : m->about.mem_kib) * 1024;
    size_t windows = m->devices_n > 0 ? fuzz.window_n : 0;
    fuzz.memory_n = (all - windows) & ~(size_t)(FUZZ_PAGE - 1);
}

/* Numbers of the pages that were ever touched. Asking for them costs as much as clearing
 * them, so that is done only where a page fault says that there may be new ones. */
static struct {
    u16 pages[FUZZ_PAGES_MAX];
    size_t n;
    long faults;
} touched;

static long faults_so_far(void)
{
    struct rusage usage;
    must(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

static void find_touched(void)
{
    static u8 resident[FUZZ_PAGES_MAX];
    must(mincore(fuzz.memory, fuzz.memory_all, resident) == 0);
    touched.n = 0;
    for (size_t i = 0; i < fuzz.memory_all / FUZZ_PAGE; i++)
        if (AT(resident, i) & 1 && !AT(fuzz.guarded, i))
            AT(touched.pages, touched.n++) = (u16)i;
}

static void clear_memory(void)
{
    if (faults_so_far() != touched.faults)
        find_touched();
    if (touched.n > STALE_PAGES) {
        madvise(fuzz.memory, fuzz.memory_all, MADV_DONTNEED); /* what is closed stays so */
        touched.n = 0;
    }
    for (size_t i = 0; i < touched.n; i++)
        memset(fuzz.memory + (size_t)AT(touched.pages, i) * FUZZ_PAGE, 0, FUZZ_PAGE);
    touched.faults = faults_so_far();
    for (size_t i = 0; i < COUNT(fuzz.image->data); i++) {
        const struct fuzz_area *a = &fuzz.image->data[i];
        if (a->n > 0 && a->initial)
            memcpy(a->p, a->initial, a->n);
        else if (a->n > 0)
            memset(a->p, 0, a->n);
    }
}

void fuzz_open(const struct fuzz_image *image, struct view bundle)
{
    const struct manifest_whole *m = &image->manifest;
    fuzz.image = image;
    fuzz.show = getenv("FUZZ_SHOW") != NULL;
    fuzz.window_n = m->devices_n > 0 ? (size_t)m->devices[0].rx_kib * 1024 : FUZZ_PAGE;
    choose_memory(false);
    fuzz.memory_all = fuzz.memory_n;
    must(fuzz.memory_n / FUZZ_PAGE <= FUZZ_PAGES_MAX && bundle.n <= BUNDLE_BYTES && m->devices_n <= 1);
    fuzz.memory = reserve(fuzz.memory_n);
    fuzz.window = reserve(align_up(fuzz.window_n, FUZZ_PAGE));
    fuzz.stack = reserve(STACK_BYTES);
    fuzz.bundle = bundle;
    fuzz_faults();
}

/* ---- what it is booted with ------------------------------------------------------ */

/* Values that a key gets instead of its own, by a byte of the script. */
static const struct {
    const char *key;
    const char *values[4];
} choices[] = {
    {"log", {"none", "common", "json", "none"}},
    {"cache", {"0s", "1h", "0s", "1s"}},
    {"csp", {"", "default-src 'self'", "", "x"}},
    {"hostname", {"", "fuzz", "", "a-rather-long-name-of-a-host.example"}},
    {"idle", {"5m", "1s", "100ms", "15m"}},
    {"grace", {"10s", "0s", "100ms", "1m"}},
    {"secure", {"true", "false", "true", "true"}},
};

static const char *value_of(const struct manifest_key *k, struct view config)
{
    u8 how = view_at(config, 0);
    if (strcmp(k->name, "ip") == 0)
        return how & BY_DHCP ? "dhcp" : "10.0.0.1/24";
    if (strcmp(k->name, "gateway") == 0)
        return how & BY_DHCP ? "" : "10.0.0.3";
    if (strcmp(k->name, "to") == 0)
        return how & 16 ? "203.0.113.9" : "10.0.0.2";
    for (size_t i = 0; i < COUNT(choices); i++)
        if (strcmp(k->name, choices[i].key) == 0)
            return choices[i].values[view_at(config, 1 + i / 4) >> (i % 4 * 2) & 3];
    return k->fallback;
}

static size_t choose_keys(struct view config, struct host_key keys[MANIFEST_KEYS_MAX])
{
    const struct manifest_whole *m = &fuzz.image->manifest;
    for (size_t i = 0; i < m->keys_n; i++) {
        const struct manifest_key *k = &AT(m->keys, i);
        const char *value = value_of(k, config);
        keys[i] = (struct host_key){k->name, value, strlen(k->name), strlen(value)};
        u64 port = 0;
        if (strcmp(k->name, "port") == 0 && view_to_u64(view_z(value), &port) == OK)
            fuzz.port = (u16)port;
    }
    return m->keys_n;
}

static struct host_device choose_device(struct view config)
{
    static const u16 mtus[4] = {1500, 576, 9000, 1280};
    static const u32 queues[4] = {0, 0, 65536, 4096};
    u8 how = view_at(config, 0);
    fuzz.features = how & 2 ? NET_CSUM | NET_RX_CSUM | NET_TSO4 | NET_USO : 0;
    fuzz.mtu = AT(mtus, how >> 2 & 3);
    struct host_device d = {
        .kind = DEVICE_NET,
        .features = fuzz.features,
        .mtu = fuzz.mtu,
        .queue_bytes = AT(queues, how >> 6),
        .rx_window = fuzz.window,
        .rx_window_n = fuzz.window_n,
    };
    for (size_t i = 0; i < sizeof d.mac; i++)
        d.mac[i] = (u8)(FUZZ_MAC >> (8 * (5 - i)) & 0xff);
    return d;
}

/* The bundle as it is, or, where the script begins with edits of it, a copy with those
 * and its checksums put right, so that they are not all that is looked at. */
static struct view choose_bundle(struct view config)
{
    static u8 copied[BUNDLE_BYTES];
    if (!(view_at(config, 4) & 1) || fuzz.bundle.n < BUNDLE_HEADER_SIZE)
        return fuzz.bundle;
    fuzz.friendly = false;
    struct span b = span_first(SPAN_OF(copied), fuzz.bundle.n);
    copy(b, fuzz.bundle);
    get_skip(&fuzz.script, 1);
    struct reader edits = reader_of(get_bytes(&fuzz.script, get_u8(&fuzz.script)));
    while (edits.rest.n > 0 && !edits.bad) {
        u32 at = get_be16(&edits);
        u8 mask = get_u8(&edits);
        size_t index = at < 0x8000 ? at % b.n : b.n - 1 - at % b.n; /* both ends are where it pays */
        span_set(b, index, span_at(b, index) ^ mask);
    }
    if (view_at(config, 4) & 2)
        return view_of(b);
    u64 index_at = load_le64(view_of(b), 32);
    if (index_at <= b.n)
        store_le64(b, 40, checksum64(0, view_from(view_of(b), index_at)));
    store_le64(b, 56, checksum64(0, view_first(view_of(b), 56)));
    return view_of(b);
}

/* ---- the run --------------------------------------------------------------------- */

static void enter(void)
{
    fuzz.image->entry(&fuzz.boot);
    fuzz_fail("the image's entry returned");
}

static void begin(struct view script)
{
    fuzz.script = reader_of(script);
    fuzz.phase = FUZZ_PLAY;
    fuzz.now = START_MONO_NS;
    fuzz.started = fuzz.now;
    fuzz.wall_offset = START_WALL_NS - START_MONO_NS;
    fuzz.silent_until = 0;
    fuzz.clock_calls = 0;
    fuzz.steps = 0;
    fuzz.stop_told = fuzz.stop_due = fuzz.announced = false;
    fuzz.friendly = true;
    fuzz.full_for = fuzz.lie = 0;
    fuzz.console_n = 0;
    fuzz.queue_first = fuzz.queue_n = fuzz.queue_used = 0;
    fuzz.port = 0;
}

void fuzz_session(struct view script)
{
    static const u8 no_config[FUZZ_CONFIG_BYTES];
    static struct host_key keys[MANIFEST_KEYS_MAX];
    static struct host_device device;
    if (script.n < FUZZ_CONFIG_BYTES)
        script = VIEW_OF(no_config);
    begin(script);
    struct view config = get_bytes(&fuzz.script, FUZZ_CONFIG_BYTES);
    random_seed(&fuzz.random, view_at(config, 5));
    fuzz.burst = 1 + view_at(config, 3) % 8;
    fuzz.probe = view_at(config, 0) & 32;
    fuzz.by_dhcp = view_at(config, 0) & BY_DHCP;
    clear_memory();
    choose_memory(!(view_at(config, 4) & 4));
    fuzz.boot = (struct host_boot){
        .magic = HOST_MAGIC,
        .abi = HOST_ABI,
        .size = sizeof fuzz.boot,
        .table = &fuzz_table,
        .memory = fuzz.memory,
        .memory_n = fuzz.memory_n,
        .keys = keys,
        .keys_n = choose_keys(config, keys),
        .devices = &device,
        .devices_n = fuzz.image->manifest.devices_n,
    };
    if (fuzz.image->manifest.about.flags & MANIFEST_BUNDLE) {
        struct view bundle = choose_bundle(config);
        fuzz.boot.bundle = bundle.p;
        fuzz.boot.bundle_n = bundle.n;
    }
    device = choose_device(config);
    fuzz.all_steps = fuzz.script.rest;
    fuzz.repeats = view_at(config, 6) < 0xc0 ? 0 : view_at(config, 6) & 63u;
    fuzz_peer_begin();

    getcontext(&fuzz.guest);
    fuzz.guest.uc_stack.ss_sp = fuzz.stack;
    fuzz.guest.uc_stack.ss_size = STACK_BYTES;
    fuzz.guest.uc_link = NULL;
    makecontext(&fuzz.guest, enter, 0);
    swapcontext(&fuzz.host, &fuzz.guest);

    fuzz.stats.sessions++;
    fuzz.stats.virtual_s += (fuzz.now - fuzz.started) / NS_PER_S;
    if (fuzz.exit_code > 1)
        fuzz_fail("the image ended with code %u", fuzz.exit_code);
    if (fuzz.exit_code == 1 && fuzz.friendly && (fuzz.announced || !fuzz.by_dhcp))
        fuzz_fail("the image ended with code 1, and nothing was wrong");
}
