/* The simulator's links: what arrives, when, and that chance can be replayed. The
 * frames are built and checked by hand here, apart from wire/. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/num.h"
#include "fiber/loop.h"
#include "host/sim/sim.h"
#include "test/test.h"

enum { ETH = 14, IP = 20, TCP = 20, UDP = 8, TEST_TYPE = 0x88b5 /* IEEE local experimental */ };

static bool done;

static void run(u64 seed, void (*fn)(void *arg), void *arg)
{
    done = false;
    sim_run(seed, fn, arg);
}

/* ---- frames by hand --------------------------------------------------------------- */

static void put_ethernet(struct writer *w, const u8 to[6], const u8 from[6], u16 type)
{
    for (int i = 0; i < 6; i++)
        put_u8(w, to[i]);
    for (int i = 0; i < 6; i++)
        put_u8(w, from[i]);
    put_be16(w, type);
}

/* A numbered frame of `size` bytes of no protocol. */
static bool send_number(struct net_dev *from, struct net_dev *to, u32 number, size_t size)
{
    u8 bytes[1514];
    struct writer w = writer_of(SPAN_OF(bytes));
    put_ethernet(&w, to->mac, from->mac, TEST_TYPE);
    put_be32(&w, number);
    put_zeroes(&w, size - w.n);
    return sim_send(from, written(&w));
}

static u32 number_of(struct view frame)
{
    return load_be32(frame, ETH);
}

static u32 sum(struct view v, u32 s)
{
    for (; v.n >= 2; v = view_from(v, 2))
        s += load_be16(v, 0);
    s += v.n ? (u32)view_at(v, 0) << 8 : 0;
    return s;
}

static u16 fold(u32 s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (u16)s;
}

/* A TCP/IPv4 or UDP/IPv4 frame with all header checksums but the transport's, which
 * holds the pseudo-header's sum, as for NET_NEEDS_CSUM. */
static void put_packet(struct writer *w, struct net_dev *from, struct net_dev *to, u8 protocol,
                       size_t payload)
{
    size_t header = protocol == 6 ? TCP : UDP;
    put_ethernet(w, to->mac, from->mac, 0x0800);
    struct span rest = span_from(w->out, w->n);
    struct writer ip = writer_of(rest);
    put_be16(&ip, 0x4500);
    put_be16(&ip, to_u16(IP + header + payload));
    put_be32(&ip, 0x12344000);
    put_be16(&ip, (u16)(64 << 8 | protocol));
    put_be16(&ip, 0);
    put_be32(&ip, 0x0a000001);
    put_be32(&ip, 0x0a000002);
    store_be16(rest, 10, (u16)~fold(sum(view_first(view_of(rest), IP), 0)));
    u16 pseudo = fold(sum(view_sub(view_of(rest), 12, 8), (u32)(protocol + header + payload)));
    put_be32(&ip, 4000u << 16 | 80);
    if (protocol == 6) {
        put_be32(&ip, 0xfffffff0); /* wraps within the super-frame */
        put_be32(&ip, 1);
        put_be32(&ip, 0x5000u << 16 | 0x99u << 16 | 1000); /* CWR ACK PSH FIN */
        put_be16(&ip, pseudo);
        put_be16(&ip, 0);
    } else {
        put_be16(&ip, to_u16(header + payload));
        put_be16(&ip, pseudo);
    }
    for (size_t i = 0; i < payload; i++)
        put_u8(&ip, (u8)((i * 31 + i / 256) & 0xff));
    w->n += ip.n;
}

static bool checksums_right(struct view frame)
{
    struct view ip = view_from(frame, ETH);
    if (load_be16(ip, 2) != ip.n || fold(sum(view_first(ip, IP), 0)) != 0xffff)
        return false;
    struct view transport = view_from(ip, IP);
    u32 s = sum(view_sub(ip, 12, 8), (u32)(view_at(ip, 9) + transport.n));
    return fold(sum(transport, s)) == 0xffff;
}

static bool send_offloaded(struct net_dev *from, struct view frame, struct net_offload o)
{
    /* In two parts, as a stack sends header and payload. */
    struct view parts[] = {view_first(frame, ETH + IP), view_from(frame, ETH + IP)};
    struct net_tx t = {.parts = {parts, 2}, .offload = o};
    return net_tx(from, (struct net_tx_burst){&t, 1}) == 1;
}

/* ---- time ---------------------------------------------------------------------------- */

static void latency(void *arg)
{
    (void)arg;
    struct sim_link *l = sim_link_new(&(struct sim_path){.latency_ns = 30 * NS_PER_MS});
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0), *c = sim_dev(l, 0);
    struct net_rx got;
    u64 before = loop_now();
    CHECK(send_number(a, b, 7, 60));
    CHECK_EQ(sim_recv(b, &got, before + 29 * NS_PER_MS), ERR_TIMEOUT);
    CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
    CHECK_EQ(number_of(got.frame), 7);
    u64 took = loop_now() - before;
    CHECK(took >= 30 * NS_PER_MS && took < 30 * NS_PER_MS + 10 * NS_PER_US);
    CHECK_EQ(sim_recv(c, &got, loop_now() + NS_PER_S), ERR_TIMEOUT);
    done = true;
}

TEST(a_frame_arrives_after_the_latency_at_its_destination_only)
{
    run(1, latency, NULL);
    CHECK(done);
}

static void broadcast(void *arg)
{
    (void)arg;
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0), *c = sim_dev(l, 0);
    struct net_dev all = {.mac = {255, 255, 255, 255, 255, 255}};
    struct net_rx got;
    CHECK(send_number(a, &all, 1, 60));
    CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
    CHECK_EQ(sim_recv(c, &got, FOREVER), OK);
    CHECK_EQ(sim_recv(a, &got, loop_now() + NS_PER_S), ERR_TIMEOUT);
    sim_unplug(b, true);
    CHECK(send_number(a, b, 2, 60));
    CHECK_EQ(sim_recv(b, &got, loop_now() + NS_PER_S), ERR_TIMEOUT);
    sim_unplug(b, false);
    CHECK(send_number(a, b, 3, 60));
    CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
    CHECK_EQ(number_of(got.frame), 3);
    done = true;
}

TEST(a_broadcast_reaches_all_others_and_an_unplugged_device_nothing)
{
    run(1, broadcast, NULL);
    CHECK(done);
}

static void rate(void *arg)
{
    (void)arg;
    /* 1,000 bits a millisecond; room for ten frames of 976 + 24 bytes. */
    struct sim_link *l = sim_link_new(&(struct sim_path){.rate_bps = 1000000, .queue_bytes = 10000});
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0);
    u64 before = loop_now();
    for (u32 i = 0; i < 20; i++)
        CHECK(send_number(a, b, i, 976));
    struct net_rx got;
    u32 n = 0;
    for (; sim_recv(b, &got, loop_now() + NS_PER_S) == OK; n++) {
        CHECK_EQ(number_of(got.frame), n);
        u64 took = loop_now() - before;
        CHECK(took >= (n + 1) * 8 * NS_PER_MS && took <= (n + 1) * 8 * NS_PER_MS + NS_PER_MS);
    }
    CHECK_EQ(n, 10);
    CHECK_EQ(sim_counts(a).overflowed, 10);
    /* The same, but the device says that it is full, and when it no longer is. */
    sim_path(a)->backpressure = true;
    for (n = 0; send_number(a, b, n, 976); n++)
        continue;
    CHECK_EQ(n, 10);
    CHECK_EQ(sim_counts(a).overflowed, 10);
    done = true;
}

TEST(a_rate_spreads_frames_and_its_queue_overflows)
{
    run(1, rate, NULL);
    CHECK(done);
}

/* ---- chance ---------------------------------------------------------------------------- */

struct fates {
    u64 hash; /* of everything that arrived, and when */
    u32 arrived, twice, late;
    struct sim_counts counts;
};

static void chances(void *arg)
{
    enum { FRAMES = 20000 };
    struct fates *f = arg;
    struct sim_link *l = sim_link_new(&(struct sim_path){
        .latency_ns = NS_PER_MS,
        .jitter_ns = NS_PER_MS,
        .loss_ppm = 100000,
        .duplicate_ppm = 50000,
        .reorder_ppm = 20000,
        .reorder_ns = 20 * NS_PER_MS,
    });
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0);
    static u8 seen[FRAMES];
    memset(seen, 0, sizeof seen);
    u32 last = 0;
    struct net_rx got;
    for (u32 i = 0; i < FRAMES; i++) {
        CHECK(send_number(a, b, i, 60));
        CHECK_EQ(fiber_sleep_ns(NS_PER_MS), OK);
        for (struct net_rx_burst one = {&got, 1}; net_rx(b, one) == 1;) {
            u32 number = number_of(got.frame);
            u64 what[] = {f->hash, number, loop_now()};
            f->hash = siphash13((struct hash_key){1, 2}, VIEW_OF(what));
            f->arrived++;
            f->twice += AT(seen, number) > 0;
            f->late += number < last;
            AT(seen, number)++;
            last = MAX(last, number);
        }
    }
    f->counts = sim_counts(a);
    done = true;
}

TEST(chances_come_out_as_asked_and_the_same_for_the_same_seed)
{
    struct fates first = {0}, again = {0}, other = {0};
    run(1, chances, &first);
    CHECK(done);
    run(1, chances, &again);
    run(2, chances, &other);
    CHECK_EQ(first.hash, again.hash);
    CHECK(first.hash != other.hash);
    CHECK(first.counts.lost > 1800 && first.counts.lost < 2200);
    CHECK(first.twice > 800 && first.twice < 1000);
    CHECK(first.counts.reordered > 250 && first.counts.reordered < 500);
    CHECK(first.late > 200);
}

static void bursts(void *arg)
{
    (void)arg;
    struct sim_link *l = sim_link_new(&(struct sim_path){.loss_ppm = 100000, .loss_burst = 10});
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0);
    u32 runs = 0, lost = 0;
    bool before = false;
    struct net_rx got;
    for (u32 i = 0; i < 50000; i++) {
        CHECK(send_number(a, b, i, 60));
        CHECK_EQ(fiber_yield(), OK);
        bool here = sim_recv(b, &got, loop_now() + 10 * NS_PER_US) == OK;
        lost += !here;
        runs += !here && !before;
        before = !here;
    }
    CHECK(lost > 3500 && lost < 6500);
    CHECK(lost / runs >= 8 && lost / runs <= 12);
    done = true;
}

TEST(losses_can_come_in_runs)
{
    run(1, bursts, NULL);
    CHECK(done);
}

/* ---- offloads -------------------------------------------------------------------------- */

static const struct net_offload tcp_super = {
    .flags = NET_NEEDS_CSUM,
    .gso = NET_GSO_TCP4,
    .hdr_len = ETH + IP + TCP,
    .gso_size = 1000,
    .csum_start = ETH + IP,
    .csum_offset = 16,
};

static void super_frames(void *arg)
{
    (void)arg;
    static u8 bytes[20000];
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, SIM_FEATURES), *b = sim_dev(l, SIM_FEATURES), *plain = sim_dev(l, 0);
    struct net_rx got;
    struct writer w = writer_of(SPAN_OF(bytes));
    put_packet(&w, a, b, 6, 10500);

    /* Between two that know: whole, as it was sent. */
    CHECK(send_offloaded(a, written(&w), tcp_super));
    CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
    CHECK(view_eq(got.frame, written(&w)));
    CHECK_EQ(got.offload.gso, NET_GSO_TCP4);
    CHECK_EQ(got.offload.gso_size, 1000);
    CHECK_EQ(got.offload.flags, NET_NEEDS_CSUM);

    /* On a real wire, or to one that does not: eleven segments. */
    for (int real = 0; real < 2; real++) {
        struct net_dev *to = real ? b : plain;
        sim_path(a)->real = real;
        w.n = 0;
        put_packet(&w, a, to, 6, 10500);
        CHECK(send_offloaded(a, written(&w), tcp_super));
        for (u32 i = 0; i < 11; i++) {
            CHECK_EQ(sim_recv(to, &got, FOREVER), OK);
            CHECK(checksums_right(got.frame));
            CHECK_EQ(got.offload.gso, NET_GSO_NONE);
            CHECK_EQ(got.offload.flags, real ? NET_DATA_VALID : 0);
            size_t n = i < 10 ? 1000 : 500;
            CHECK_EQ(got.frame.n, ETH + IP + TCP + n);
            CHECK(view_eq(view_from(got.frame, ETH + IP + TCP),
                          view_sub(written(&w), ETH + IP + TCP + (size_t)i * 1000, n)));
            CHECK_EQ(load_be16(got.frame, ETH + 4), 0x1234 + i);
            CHECK_EQ(load_be32(got.frame, ETH + IP + 4), wrap_add32(0xfffffff0, i * 1000));
            u8 flags = i == 0 ? 0x90 : i < 10 ? 0x10 : 0x19;
            CHECK_EQ(view_at(got.frame, ETH + IP + 13), flags);
        }
        CHECK_EQ(sim_recv(to, &got, loop_now() + NS_PER_S), ERR_TIMEOUT);
    }
    done = true;
}

TEST(a_tcp_super_frame_travels_whole_or_as_right_segments)
{
    run(1, super_frames, NULL);
    CHECK(done);
}

static void udp_super(void *arg)
{
    (void)arg;
    static u8 bytes[20000];
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, SIM_FEATURES), *b = sim_dev(l, SIM_FEATURES);
    struct net_rx got;
    struct writer w = writer_of(SPAN_OF(bytes));
    put_packet(&w, a, b, 17, 2500);
    struct net_offload o = tcp_super;
    o.gso = NET_GSO_UDP;
    o.hdr_len = ETH + IP + UDP;
    o.csum_offset = 6;
    CHECK(send_offloaded(a, written(&w), o));
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
        CHECK(checksums_right(got.frame));
        CHECK_EQ(load_be16(got.frame, ETH + IP + 4), got.frame.n - ETH - IP);
        CHECK_EQ(got.frame.n, ETH + IP + UDP + (i < 2 ? 1000u : 500u));
    }
    done = true;
}

TEST(a_udp_super_frame_becomes_datagrams)
{
    run(1, udp_super, NULL);
    CHECK(done);
}

static void checksum_offload(void *arg)
{
    (void)arg;
    u8 bytes[1514];
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, NET_CSUM), *knows = sim_dev(l, NET_RX_CSUM), *plain = sim_dev(l, 0);
    struct net_rx got;
    struct net_offload o = {.flags = NET_NEEDS_CSUM, .csum_start = ETH + IP, .csum_offset = 6};
    /* An odd number of bytes, too. */
    for (size_t payload = 100; payload < 102; payload++) {
        struct writer w = writer_of(SPAN_OF(bytes));
        put_packet(&w, a, plain, 17, payload);
        CHECK(send_offloaded(a, written(&w), o));
        CHECK_EQ(sim_recv(plain, &got, FOREVER), OK);
        CHECK(checksums_right(got.frame));
        CHECK_EQ(got.offload.flags, 0);
        w.n = 0;
        put_packet(&w, a, knows, 17, payload);
        CHECK(send_offloaded(a, written(&w), o));
        CHECK_EQ(sim_recv(knows, &got, FOREVER), OK);
        CHECK(!checksums_right(got.frame));
        CHECK_EQ(got.offload.flags, NET_NEEDS_CSUM);
        CHECK_EQ(got.offload.csum_start, ETH + IP);
    }
    /* A frame with a wrong checksum is never vouched for. */
    struct writer w = writer_of(SPAN_OF(bytes));
    put_packet(&w, a, knows, 17, 10);
    CHECK(sim_send(a, written(&w)));
    CHECK_EQ(sim_recv(knows, &got, FOREVER), OK);
    CHECK_EQ(got.offload.flags, 0);
    done = true;
}

TEST(checksums_are_completed_for_a_receiver_that_cannot)
{
    run(1, checksum_offload, NULL);
    CHECK(done);
}

static void corruption(void *arg)
{
    (void)arg;
    static u8 bytes[20000];
    struct sim_link *l = sim_link_new(&(struct sim_path){.corrupt_ppm = 1000000});
    struct net_dev *a = sim_dev(l, SIM_FEATURES), *b = sim_dev(l, SIM_FEATURES);
    struct net_rx got;
    for (int i = 0; i < 200; i++) {
        struct writer w = writer_of(SPAN_OF(bytes));
        put_packet(&w, a, b, 6, 1900);
        CHECK(send_offloaded(a, written(&w), tcp_super));
        for (int segment = 0; segment < 2; segment++) {
            CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
            CHECK_EQ(got.offload.flags, 0);
            CHECK(view_eq(view_first(got.frame, ETH), view_first(written(&w), ETH)));
            CHECK(!checksums_right(got.frame));
        }
    }
    /* What no checksum covers is left alone. */
    CHECK(send_number(a, b, 5, 60));
    CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
    CHECK_EQ(number_of(got.frame), 5);
    done = true;
}

TEST(a_corrupted_frame_never_passes_its_checksums)
{
    run(1, corruption, NULL);
    CHECK(done);
}

/* ---- scripts -------------------------------------------------------------------------- */

static bool is_even(const struct sim_frame *f)
{
    return number_of(f->bytes) % 2 == 0;
}

static enum sim_fate five_twice(void *arg, const struct sim_frame *f)
{
    ++*(u32 *)arg;
    return number_of(f->bytes) == 5 ? SIM_TWICE : SIM_PASS;
}

static void scripts(void *arg)
{
    (void)arg;
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, 0), *b = sim_dev(l, 0);
    u32 seen = 0;
    sim_watch(l, five_twice, &seen);
    sim_drop_nth(l, 2, is_even);
    for (u32 i = 0; i < 8; i++)
        CHECK(send_number(a, b, i, 60));
    static const u32 expected[] = {0, 1, 3, 4, 5, 5, 6, 7};
    struct net_rx got;
    for (size_t i = 0; i < COUNT(expected); i++) {
        CHECK_EQ(sim_recv(b, &got, FOREVER), OK);
        CHECK_EQ(number_of(got.frame), AT(expected, i));
    }
    CHECK_EQ(seen, 8);
    done = true;
}

TEST(a_script_decides_the_fate_of_single_frames)
{
    run(1, scripts, NULL);
    CHECK(done);
}

static const char *capture;

static void captured(void *arg)
{
    (void)arg;
    struct sim_link *l = sim_link_new(NULL);
    struct net_dev *a = sim_dev(l, SIM_FEATURES), *b = sim_dev(l, SIM_FEATURES);
    sim_pcap(l, capture);
    static u8 bytes[20000];
    struct writer w = writer_of(SPAN_OF(bytes));
    put_packet(&w, a, b, 6, 10500);
    CHECK(send_offloaded(a, written(&w), tcp_super));
    CHECK(send_number(a, b, 1, 60));
    done = true;
}

TEST(a_link_is_captured_with_complete_checksums)
{
    char path[] = "/tmp/sim_link_test.XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    capture = path;
    run(1, captured, NULL);
    CHECK(done);
    static u8 file[32768];
    ssize_t n = read(fd, file, sizeof file);
    close(fd);
    unlink(path);
    CHECK_EQ(n, 24 + 16 + ETH + IP + TCP + 10500 + 16 + 60);
    struct view v = view_first(VIEW_OF(file), (size_t)n);
    CHECK_EQ(load_le32(v, 0), 0xa1b23c4d);
    CHECK_EQ(load_le32(v, 24), 1767225600);
    CHECK_EQ(load_le32(v, 24 + 8), ETH + IP + TCP + 10500);
    CHECK(checksums_right(view_sub(v, 40, ETH + IP + TCP + 10500)));
}

/* ---- what ends a world ------------------------------------------------------------------ */

static void stuck(void *arg)
{
    (void)arg;
    struct waiters w = {0};
    (void)waiters_wait(&w, FOREVER);
}

static void overruns(void *arg)
{
    (void)arg;
    u8 small[4] = {0};
    (void)view_at(VIEW_OF(small), 4 + sim_seed() - sim_seed());
}

static __attribute__((noinline)) u64 deep(u64 n)
{
    volatile u64 frame[64];
    AT(frame, n % 64) = n;
    return n == 0 ? 0 : deep(n - 1) + AT(frame, n % 64);
}

static void overflows(void *arg)
{
    (void)arg;
    printf("%llu", (unsigned long long)deep(1000000));
}

static void breaks_rules(void *arg)
{
    (void)arg;
    struct net_dev *a = sim_dev(sim_link_new(NULL), 0);
    u8 bytes[1515] = {0};
    sim_send(a, VIEW_OF(bytes));
}

/* Runs it in a process of its own; `text` gets what it printed. */
static int dies(void (*fn)(void *arg), char *text, size_t text_n)
{
    int out[2];
    if (pipe(out) != 0)
        return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        sim_run(42, fn, NULL);
        _exit(0);
    }
    close(out[1]);
    size_t n = 0;
    for (ssize_t got; n < text_n - 1 && (got = read(out[0], text + n, text_n - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    close(out[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(a_deadlock_a_trap_and_a_full_stack_name_the_seed)
{
    static void (*const ends[])(void *arg) = {stuck, overruns, overflows, breaks_rules};
    static const char *const says[] = {"deadlock", "a trap: outside of a view", "memory fault",
                                       "a trap: a stated fact"};
    static const char *const where[] = {"", "overruns", "deep", "check_rules"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        static char text[16384];
        CHECK(dies(AT(ends, i), text, sizeof text) != 0);
        CHECK(strstr(text, AT(says, i)));
        CHECK(i == 0 || strstr(text, AT(where, i)));
        CHECK(strstr(text, "seed 42"));
        CHECK(strstr(text, "fiber \"main\" in \"image\""));
    }
}

TESTS(CASE(a_frame_arrives_after_the_latency_at_its_destination_only),
      CASE(a_broadcast_reaches_all_others_and_an_unplugged_device_nothing),
      CASE(a_rate_spreads_frames_and_its_queue_overflows),
      CASE(chances_come_out_as_asked_and_the_same_for_the_same_seed), CASE(losses_can_come_in_runs),
      CASE(a_tcp_super_frame_travels_whole_or_as_right_segments), CASE(a_udp_super_frame_becomes_datagrams),
      CASE(checksums_are_completed_for_a_receiver_that_cannot),
      CASE(a_corrupted_frame_never_passes_its_checksums), CASE(a_script_decides_the_fate_of_single_frames),
      CASE(a_link_is_captured_with_complete_checksums),
      CASE(a_deadlock_a_trap_and_a_full_stack_name_the_seed))
