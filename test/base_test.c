/* base/: every function at its edges, against published vectors or the C library. */
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/fmt.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/num.h"
#include "base/pool.h"
#include "base/quantity.h"
#include "base/random.h"
#include "base/released.h"
#include "test/test.h"
#include "test/trap.h"

/* ---- views ----------------------------------------------------------------------- */

TEST(a_byte_is_found_at_every_place_and_alignment)
{
    u8 bytes[96];
    for (size_t start = 0; start < 17; start++)
        for (size_t n = 0; n <= 64; n++) {
            memset(bytes, 'x', sizeof bytes);
            struct view v = view_sub(VIEW_OF(bytes), start, n);
            /* What lies outside of the view must not be found. */
            memset(bytes, ',', start);
            memset(bytes + start + n, ',', sizeof bytes - start - n);
            CHECK_EQ(view_find(v, ','), n);
            for (size_t at = 0; at < n; at++) {
                bytes[start + at] = ',';
                CHECK_EQ(view_find(v, ','), at);
                bytes[start + n - 1] = ',';
                CHECK_EQ(view_find(v, ','), at);
                bytes[start + at] = bytes[start + n - 1] = 'x';
            }
        }
}

static bool is_control(u8 c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_word(u8 c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

TEST(control_bytes_and_words_end_where_they_should)
{
    u8 bytes[48];
    for (size_t n = 0; n <= sizeof bytes; n++)
        for (size_t at = 0; at < n; at++)
            for (unsigned c = 0; c < 256; c++) {
                memset(bytes, 'a', sizeof bytes);
                bytes[at] = (u8)c;
                struct view v = view_first(VIEW_OF(bytes), n);
                CHECK_EQ(view_find_control(v), is_control((u8)c) ? at : n);
                CHECK_EQ(view_run_word(v), is_word((u8)c) ? n : at);
            }
}

TEST(a_sequence_is_found_where_it_first_begins)
{
    struct random r;
    random_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        /* Few letters, so that near misses and overlaps are common. */
        char text[40], sought[5];
        size_t n = random_below(&r, sizeof text), m = random_below(&r, sizeof sought);
        for (size_t j = 0; j < n; j++)
            text[j] = (char)('a' + random_below(&r, 2));
        for (size_t j = 0; j < m; j++)
            sought[j] = (char)('a' + random_below(&r, 2));
        const char *hit = memmem(text, n, sought, m);
        size_t expected = hit ? (size_t)(hit - text) : n;
        CHECK_EQ(view_find_seq(view_first(VIEW_OF(text), n), view_first(VIEW_OF(sought), m)), expected);
    }
}

TEST(views_compare_cut_and_trim)
{
    CHECK(view_eq_nocase(VIEW("Content-LENGTH"), VIEW("content-length")));
    CHECK(!view_eq_nocase(VIEW("@"), VIEW("`")));
    CHECK(!view_eq_nocase(VIEW("a"), VIEW("ab")));
    CHECK(view_starts(VIEW("abc"), VIEW("ab")) && !view_starts(VIEW("a"), VIEW("ab")));
    CHECK(view_ends(VIEW("abc"), VIEW("bc")) && !view_ends(VIEW("c"), VIEW("bc")));
    CHECK(view_starts(VIEW("a"), VIEW_NONE) && view_ends(VIEW_NONE, VIEW_NONE));
    CHECK(view_cmp(VIEW("a"), VIEW("b")) < 0 && view_cmp(VIEW("ab"), VIEW("a")) > 0);
    CHECK(view_cmp(VIEW("\x7f"), VIEW("\x80")) < 0 && view_cmp(VIEW_NONE, VIEW_NONE) == 0);
    struct view rest;
    CHECK(view_eq(view_cut(VIEW("key=value=x"), '=', &rest), VIEW("key")) && view_eq(rest, VIEW("value=x")));
    CHECK(view_eq(view_cut(VIEW("key="), '=', &rest), VIEW("key")) && rest.n == 0);
    CHECK(view_eq(view_cut(VIEW("key"), '=', &rest), VIEW("key")) && rest.n == 0);
    CHECK(view_eq(view_trim(VIEW(" \t a b\t ")), VIEW("a b")) && view_trim(VIEW(" \t")).n == 0);
}

TEST(numbers_are_read_whole_or_not_at_all)
{
    u64 x = 0;
    CHECK(view_to_u64(VIEW("0"), &x) == OK && x == 0);
    CHECK(view_to_u64(VIEW("00017"), &x) == OK && x == 17);
    CHECK(view_to_u64(VIEW("18446744073709551615"), &x) == OK && x == UINT64_MAX);
    CHECK_EQ(view_to_u64(VIEW("18446744073709551616"), &x), ERR_RANGE);
    CHECK_EQ(view_to_u64(VIEW("99999999999999999999999"), &x), ERR_RANGE);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "/", ":"};
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_EQ(view_to_u64(view_z(AT(bad, i)), &x), ERR_MALFORMED);
}

TEST(durations_and_sizes)
{
    u64 x = 0;
    CHECK(view_to_duration_ms(VIEW("500ms"), &x) == OK && x == 500);
    CHECK(view_to_duration_ms(VIEW("10s"), &x) == OK && x == 10000);
    CHECK(view_to_duration_ms(VIEW("5m"), &x) == OK && x == 300000);
    CHECK(view_to_duration_ms(VIEW("1h"), &x) == OK && x == 3600000);
    CHECK_EQ(view_to_duration_ms(VIEW("9999999999999999h"), &x), ERR_RANGE);
    static const char *const bad_durations[] = {"", "s", "ms", "10", "10 s", "-1s", "1d", "1.5s", "10S"};
    for (size_t i = 0; i < COUNT(bad_durations); i++)
        CHECK_EQ(view_to_duration_ms(view_z(AT(bad_durations, i)), &x), ERR_MALFORMED);
    CHECK(view_to_size(VIEW("512"), &x) == OK && x == 512);
    CHECK(view_to_size(VIEW("16k"), &x) == OK && x == 16384);
    CHECK(view_to_size(VIEW("4M"), &x) == OK && x == 4 << 20);
    CHECK(view_to_size(VIEW("1g"), &x) == OK && x == 1 << 30);
    CHECK_EQ(view_to_size(VIEW("99999999999g"), &x), ERR_RANGE);
    static const char *const bad_sizes[] = {"", "k", "4kb", "4 k", "-4k", "4t"};
    for (size_t i = 0; i < COUNT(bad_sizes); i++)
        CHECK_EQ(view_to_size(view_z(AT(bad_sizes, i)), &x), ERR_MALFORMED);
}

/* ---- bugs trap ------------------------------------------------------------------- */

static u8 four[4];
static volatile size_t five = 5;

static void reads_outside(void)
{
    (void)view_at(VIEW_OF(four), five);
}

static void sets_outside(void)
{
    span_set(SPAN_OF(four), five, 1);
}

static void indexes_outside(void)
{
    AT(four, five) = 1;
}

static void begins_outside(void)
{
    (void)view_from(VIEW_OF(four), five);
}

static void sub_wraps(void)
{
    (void)view_sub(VIEW_OF(four), 2, SIZE_MAX - five);
}

static void copies_too_much(void)
{
    u8 more[5] = {0};
    copy(SPAN_OF(four), VIEW_OF(more));
}

static void loads_outside(void)
{
    (void)load_be32(VIEW_OF(four), five - 4);
}

static void narrows(void)
{
    (void)to_u8(five * 1000);
}

static void lists_twice(void)
{
    struct list l = {0};
    struct link x = {0};
    list_push_back(&l, &x);
    list_push_back(&l, &x);
}

TEST(what_is_out_of_bounds_traps)
{
    static void (*const bugs[])(void) = {reads_outside, sets_outside,    indexes_outside, begins_outside,
                                         sub_wraps,     copies_too_much, loads_outside};
    for (size_t i = 0; i < COUNT(bugs); i++)
        CHECK_EQ(trap_of(AT(bugs, i)), TRAP_BOUNDS);
    CHECK_EQ(trap_of(narrows), TRAP_NARROW);
    CHECK_EQ(trap_of(lists_twice), TRAP_MUST);
    CHECK(strcmp(trap_name(TRAP_BOUNDS), "outside of a view, span or array") == 0);
    CHECK(strcmp(trap_name(0xff), "unknown rule") == 0);
}

/* ---- reader and writer ------------------------------------------------------------- */

TEST(what_is_written_is_read_back)
{
    u8 bytes[64];
    struct writer w = writer_of(SPAN_OF(bytes));
    put_u8(&w, 0xfe);
    put_be16(&w, 0x1234);
    put_le16(&w, 0x1234);
    put_be32(&w, 0xdeadbeef);
    put_le32(&w, 0xdeadbeef);
    put_be64(&w, 0x0123456789abcdef);
    put_le64(&w, 0x0123456789abcdef);
    put_bytes(&w, VIEW("abc"));
    put_zeroes(&w, 2);
    CHECK_EQ(w.n, 1 + 2 + 2 + 4 + 4 + 8 + 8 + 3 + 2);
    CHECK_EQ(bytes[1], 0x12);
    CHECK_EQ(bytes[3], 0x34);
    struct reader r = reader_of(written(&w));
    CHECK_EQ(get_u8(&r), 0xfe);
    CHECK_EQ(get_be16(&r), 0x1234);
    CHECK_EQ(get_le16(&r), 0x1234);
    CHECK_EQ(get_be32(&r), 0xdeadbeef);
    CHECK_EQ(get_le32(&r), 0xdeadbeef);
    CHECK_EQ(get_be64(&r), 0x0123456789abcdef);
    CHECK_EQ(get_le64(&r), 0x0123456789abcdef);
    CHECK(view_eq(get_bytes(&r, 3), VIEW("abc")));
    get_skip(&r, 2);
    CHECK(!r.bad && r.rest.n == 0);
}

TEST(a_failed_read_or_write_stays_failed)
{
    struct reader r = reader_of(VIEW("\1\2\3"));
    CHECK_EQ(get_be32(&r), 0);
    CHECK(r.bad);
    CHECK_EQ(get_u8(&r), 0);
    CHECK_EQ(get_bytes(&r, 1).n, 0);
    u8 bytes[3] = {9, 9, 9};
    struct writer w = writer_of(SPAN_OF(bytes));
    put_be16(&w, 0x0102);
    put_be16(&w, 0x0304);
    put_u8(&w, 5);
    put_bytes(&w, VIEW("x"));
    put_zeroes(&w, 1);
    CHECK(w.full && w.n == 2 && bytes[2] == 9);
}

/* ---- memory ------------------------------------------------------------------------ */

TEST(an_arena_hands_out_aligned_zeroes_until_it_is_used_up)
{
    static u8 memory[10000] __attribute__((aligned(4096)));
    memset(memory, 0xee, sizeof memory);
    struct arena a;
    arena_init(&a, span_from(SPAN_OF(memory), 1));
    for (int round = 0; round < 2; round++) {
        for (size_t align = 1; align <= 4096; align *= 2) {
            struct span s = arena_alloc(&a, 3, align);
            CHECK_EQ(s.n, 3);
            CHECK_EQ((uintptr_t)s.p % align, 0);
            CHECK(view_eq(view_of(s), VIEW("\0\0\0")));
            memset(s.p, 0xee, s.n);
        }
        size_t mark = arena_mark(&a);
        CHECK_EQ(arena_alloc(&a, sizeof memory, 1).n, 0);
        CHECK(!arena_array(&a, SIZE_MAX / 2, 3, 1));
        CHECK(!arena_array(&a, sizeof memory, 1, 1));
        CHECK_EQ(arena_mark(&a), mark);
        CHECK_EQ(arena_alloc(&a, a.mem.n - a.used, 1).n, sizeof memory - 1 - mark);
        CHECK_EQ(arena_alloc(&a, 1, 1).n, 0);
        arena_rewind(&a, mark);
        CHECK_EQ(arena_copy(&a, VIEW("kept")).n, 4);
        CHECK_EQ(arena_copy(&a, VIEW_OF(memory)).n, 0);
        arena_reset(&a);
        CHECK_EQ(a.used, 0);
        CHECK_EQ(a.peak, sizeof memory - 1);
    }
}

TEST(an_arena_over_zeroes_clears_only_what_was_used_before)
{
    static u8 memory[4096];
    struct arena a;
    arena_init_zeroed(&a, SPAN_OF(memory));
    struct span first = arena_alloc(&a, 100, 1);
    memset(first.p, 0xee, first.n);
    arena_reset(&a);
    memory[150] = 7; /* never handed out: believed to be zero, not cleared */
    struct span again = arena_alloc(&a, 200, 1);
    for (size_t i = 0; i < again.n; i++)
        CHECK_EQ(span_at(again, i), i == 150 ? 7 : 0);
}

TEST(the_nth_allocation_fails_when_asked_to)
{
    static u8 memory[4096];
    struct arena a;
    arena_init(&a, SPAN_OF(memory));
    a.fail_at = 3;
    CHECK(NEW(&a, u64) && NEW(&a, u64));
    CHECK(!NEW(&a, u64));
    CHECK(NEW(&a, u64));
}

/* As long as nobody else has it. */
TEST(what_an_arena_took_back_is_marked)
{
    static u8 memory[4096] __attribute__((aligned(8)));
    struct arena a;
    arena_init(&a, SPAN_OF(memory));
    u64 *kept = NEW(&a, u64);
    size_t mark = arena_mark(&a);
    u64 *one = NEW(&a, u64);
    struct view text = arena_copy(&a, VIEW("a password of a request that is over"));
    CHECK(kept && one && text.n == 36);
    *kept = *one = 7;
    arena_rewind(&a, mark);
    CHECK(*kept == 7 && *one == RELEASED_WORD && still_released(view_first(text, 32)));
    CHECK(*NEW(&a, u64) == 0);
    arena_reset(&a);
    CHECK(*kept == RELEASED_WORD && *one == RELEASED_WORD);
}

TEST(memory_is_marked_as_released_in_whole_words)
{
    u8 memory[64] __attribute__((aligned(8)));
    for (size_t from = 0; from <= 24; from++)
        for (size_t n = 0; n <= 32; n++) {
            memset(memory, 'x', sizeof memory);
            struct span s = span_sub(SPAN_OF(memory), from, n);
            mark_released(s);
            CHECK(still_released(view_of(s)));
            size_t first = align_up(from, 8), end = from + n - (from + n) % 8;
            for (size_t i = 0; i < sizeof memory; i++) {
                u8 marked = (u8)(RELEASED_WORD >> i % 8 * 8);
                CHECK(memory[i] == (i >= first && i < end ? marked : 'x'));
            }
        }
    memset(memory, 0, sizeof memory);
    CHECK(!still_released(VIEW_OF(memory)));
}

struct thing {
    u64 a, b;
};

static struct pool pool;
static struct handle stale;
static struct thing *freed;

static void uses_stale(void)
{
    (void)pool_ref(&pool, stale);
}

static void frees_twice(void)
{
    pool_free(&pool, freed);
}

static void is_handed_out_again(void)
{
    pool_new(&pool);
}

static void frees_inside(void)
{
    pool_free(&pool, &freed->b);
}

TEST(a_pool_knows_stale_handles_from_living_ones)
{
    static u8 memory[4096];
    struct arena a;
    arena_init(&a, SPAN_OF(memory));
    CHECK_EQ(pool_init(&pool, &a, 10000, sizeof(struct thing), 8), ERR_NO_MEMORY);
    arena_reset(&a);
    CHECK_EQ(pool_init(&pool, &a, 3, sizeof(struct thing), 8), OK);
    struct thing *x = pool_new(&pool), *y = pool_new(&pool), *z = pool_new(&pool);
    CHECK(x && y && z && !pool_new(&pool));
    struct handle hy = pool_handle(&pool, y);
    CHECK(pool_get(&pool, hy) == y && pool_ref(&pool, hy) == y);
    y->a = 5;
    pool_free(&pool, y);
    CHECK(!pool_get(&pool, hy));
    freed = y;
    stale = hy;
    CHECK_EQ(trap_of(uses_stale), TRAP_STALE);
    CHECK_EQ(trap_of(frees_twice), TRAP_TWICE);
    CHECK_EQ(trap_of(frees_inside), TRAP_BOUNDS);
    CHECK(y->a == RELEASED_WORD && y->b == RELEASED_WORD);
    y->b = 0;
    u32 free_head = pool.free_head;
    CHECK_EQ(trap_of(is_handed_out_again), TRAP_WRITTEN);
    pool.free_head = free_head;
    pool.generations[1]--;
    pool.used--;
    y->b = RELEASED_WORD;
    struct thing *again = pool_new(&pool);
    CHECK(again == y && again->a == 0);
    CHECK(!pool_get(&pool, hy));
    CHECK(!pool_get(&pool, (struct handle){0}));
    CHECK(!pool_get(&pool, (struct handle){99, 1}));
    CHECK_EQ(pool.used, 3);
    CHECK_EQ(pool.peak, 3);
    pool_free(&pool, x);
    pool.fail_at = 1;
    CHECK(!pool_new(&pool));
    CHECK(pool_new(&pool) == x);
}

/* ---- lists and maps ------------------------------------------------------------------ */

TEST(a_list_keeps_its_order)
{
    struct list l = {0};
    struct link a = {0}, b = {0}, c = {0};
    CHECK(list_empty(&l) && !list_first(&l) && !list_last(&l) && !list_pop(&l));
    list_push_back(&l, &b);
    list_push_back(&l, &c);
    list_push_front(&l, &a);
    CHECK(list_first(&l) == &a && list_next(&l, &a) == &b && list_next(&l, &b) == &c && !list_next(&l, &c));
    CHECK(list_last(&l) == &c);
    list_remove(&b);
    CHECK(!link_listed(&b) && list_next(&l, &a) == &c);
    list_remove(&b);
    CHECK(list_pop(&l) == &a && list_pop(&l) == &c && list_empty(&l));
}

struct entry {
    struct map_node node;
    u64 key;
    bool in;
};

TEST(a_map_finds_what_is_in_it_and_nothing_else)
{
    enum { KEYS = 300 };
    static u8 memory[4096];
    static struct entry entries[KEYS];
    struct arena a;
    struct map m;
    struct random r;
    arena_init(&a, SPAN_OF(memory));
    CHECK_EQ(map_init(&m, &a, 1000000), ERR_NO_MEMORY);
    CHECK_EQ(map_init(&m, &a, 50), OK);
    random_seed(&r, 5);
    size_t count = 0;
    for (int step = 0; step < 20000; step++) {
        struct entry *e = &AT(entries, random_below(&r, KEYS));
        e->key = (u64)(e - entries);
        if (e->in)
            map_remove(&m, &e->node);
        else
            map_put(&m, &e->node, e->key % 97); /* several keys share a hash */
        count = e->in ? count - 1 : count + 1;
        e->in = !e->in;
        CHECK_EQ(m.count, count);
        u64 sought = random_below(&r, KEYS);
        bool found = false;
        for (struct map_node *n = map_first(&m, sought % 97); n; n = map_next(n))
            found |= CONTAINER(n, struct entry, node)->key == sought;
        CHECK_EQ(found, AT(entries, sought).in);
    }
}

/* ---- hashes, random numbers, dates, text ------------------------------------------------ */

TEST(siphash_gives_its_authors_values)
{
    /* Aumasson and Bernstein 2012, appendix A, and the first and last vectors of their
     * reference code: key 00 01 … 0f, message 00 01 … */
    u8 message[64];
    for (size_t i = 0; i < sizeof message; i++)
        AT(message, i) = (u8)i;
    struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    CHECK_EQ(siphash24(key, view_first(VIEW_OF(message), 15)), 0xa129ca6149be45e5);
    CHECK_EQ(siphash24(key, VIEW_NONE), 0x726fdb47dd0e0e31);
    CHECK_EQ(siphash24(key, view_first(VIEW_OF(message), 8)), 0x93f5f5799a932462);
    CHECK_EQ(siphash24(key, view_first(VIEW_OF(message), 63)), 0x958a324ceb064572);
    CHECK(siphash13(key, VIEW_NONE) != siphash24(key, VIEW_NONE));
}

TEST(random_numbers_are_replayed_and_spread)
{
    struct random a, b;
    random_seed(&a, 1);
    random_seed(&b, 1);
    u32 buckets[10] = {0};
    for (int i = 0; i < 100000; i++) {
        u64 x = random_below(&a, COUNT(buckets));
        CHECK_EQ(x, random_below(&b, COUNT(buckets)));
        AT(buckets, x)++;
    }
    for (size_t i = 0; i < COUNT(buckets); i++)
        CHECK(AT(buckets, i) > 9500 && AT(buckets, i) < 10500);
    random_seed(&b, 2);
    CHECK(random_u64(&a) != random_u64(&b));
    CHECK_EQ(random_below(&a, 1), 0);
}

TEST(dates_agree_with_the_c_library)
{
    struct random r;
    random_seed(&r, 11);
    for (int i = 0; i < 20000; i++) {
        u64 t = i < 2000 ? (u64)i * 86400 * 31 + 86399 : random_below(&r, 253402300800); /* to 9999-12-31 */
        struct date d = date_of(t);
        time_t c_time = (time_t)t;
        struct tm tm;
        gmtime_r(&c_time, &tm);
        CHECK(d.year == tm.tm_year + 1900 && d.month == tm.tm_mon + 1 && d.day == tm.tm_mday);
        CHECK(d.hour == tm.tm_hour && d.minute == tm.tm_min && d.second == tm.tm_sec);
        CHECK_EQ(d.weekday, tm.tm_wday);
        CHECK_EQ(date_to_unix(d), t);
    }
    CHECK_EQ(date_to_unix((struct date){.year = 1969, .month = 12, .day = 31}), 0);
}

static u8 text[256];

#define WRITES(expected, ...)                                      \
    do {                                                           \
        struct writer w = writer_of(SPAN_OF(text));                \
        __VA_ARGS__;                                               \
        CHECK(view_eq(written(&w), VIEW(expected)));               \
    } while (0)

TEST(text_comes_out_as_meant)
{
    WRITES("0", put_dec(&w, 0));
    WRITES("18446744073709551615", put_dec(&w, UINT64_MAX));
    WRITES("007", put_dec_pad(&w, 7, 3));
    WRITES("1234", put_dec_pad(&w, 1234, 3));
    WRITES("0", put_hex(&w, 0, 1));
    WRITES("00ff", put_hex(&w, 255, 4));
    WRITES("deadbeefcafef00d", put_hex(&w, 0xdeadbeefcafef00d, 2));
    WRITES("00a0ff", put_hex_bytes(&w, VIEW("\0\xa0\xff")));
    WRITES("192.0.2.1", put_ip4(&w, 0xc0000201));
    WRITES("port 80", put_text(&w, "port "); put_dec(&w, 80));
    WRITES("Sun, 06 Nov 1994 08:49:37 GMT", put_http_date(&w, date_of(784111777)));
    WRITES("1994-11-06T08:49:37Z", put_iso_date(&w, date_of(784111777)));
    WRITES("\"a\\\"b\\\\c\\u000a\xc3\xa9\"", put_json(&w, VIEW("a\"b\\c\n\xc3\xa9")));
}

TEST(every_error_has_its_text)
{
    for (int e = 0; e < ERR_COUNT; e++)
        for (int other = 0; other < e; other++)
            CHECK(strcmp(err_text((enum err)e), err_text((enum err)other)) != 0);
}

TEST(numbers_that_saturate_wrap_and_align)
{
    CHECK_EQ(sat_add(UINT64_MAX, 1), UINT64_MAX);
    CHECK_EQ(sat_add(2, 3), 5);
    CHECK_EQ(sat_sub(2, 3), 0);
    CHECK_EQ(wrap_add16(0xffff, 2), 1);
    CHECK_EQ(wrap_add32(UINT32_MAX, 2), 1);
    CHECK_EQ(wrap_sub32(1, 2), UINT32_MAX);
    CHECK_EQ(wrap_add64(UINT64_MAX, 2), 1);
    CHECK_EQ(wrap_mul64(1ull << 63, 2), 0);
    CHECK_EQ(align_up(4097, 4096), 8192);
    CHECK_EQ(align_up(4096, 4096), 4096);
    CHECK_EQ(swap16(0x1234), 0x3412);
    CHECK_EQ(swap32(0x12345678), 0x78563412);
    u8 small;
    CHECK(ckd_add(&small, 200, 56) && !ckd_add(&small, 200, 55) && small == 255);
    CHECK(ckd_sub(&small, 1, 2) && ckd_mul(&small, 16, 16));
    CHECK_EQ(MIN(3, 4) + MAX(3, 4), 7);
}

TESTS(CASE(a_byte_is_found_at_every_place_and_alignment), CASE(control_bytes_and_words_end_where_they_should),
      CASE(a_sequence_is_found_where_it_first_begins), CASE(views_compare_cut_and_trim),
      CASE(numbers_are_read_whole_or_not_at_all), CASE(durations_and_sizes),
      CASE(what_is_out_of_bounds_traps), CASE(what_is_written_is_read_back),
      CASE(a_failed_read_or_write_stays_failed), CASE(an_arena_hands_out_aligned_zeroes_until_it_is_used_up),
      CASE(an_arena_over_zeroes_clears_only_what_was_used_before),
      CASE(the_nth_allocation_fails_when_asked_to), CASE(what_an_arena_took_back_is_marked),
      CASE(memory_is_marked_as_released_in_whole_words), CASE(a_pool_knows_stale_handles_from_living_ones),
      CASE(a_list_keeps_its_order), CASE(a_map_finds_what_is_in_it_and_nothing_else),
      CASE(siphash_gives_its_authors_values), CASE(random_numbers_are_replayed_and_spread),
      CASE(dates_agree_with_the_c_library), CASE(text_comes_out_as_meant), CASE(every_error_has_its_text),
      CASE(numbers_that_saturate_wrap_and_align))
