/* The image's own memcpy and its kin against the C library's, over every size and
 * alignment that takes another path. base/mem.c is compiled in here under other
 * names. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "test/test.h"

#define memcpy pith_memcpy
#define memmove pith_memmove
#define memset pith_memset
#define memcmp pith_memcmp
#define strlen pith_strlen
#include "base/mem.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

enum { ROOM = 2048, EDGE = 64 };

static u8 source[ROOM], ours[ROOM], theirs[ROOM];

static void begin(struct random *r)
{
    for (size_t i = 0; i < ROOM; i++) {
        source[i] = (u8)(random_u64(r) & 0xff);
        ours[i] = theirs[i] = (u8)(random_u64(r) & 0xff);
    }
}

static bool next_size(size_t *n)
{
    *n += *n < 140 ? 1 : *n < 560 ? 37 : 211;
    return *n < ROOM - 2 * EDGE;
}

TEST(memcpy_copies_exactly)
{
    struct random r;
    random_seed(&r, 1);
    for (size_t n = 0; next_size(&n);)
        for (size_t from = 0; from < 17; from++)
            for (size_t to = EDGE; to < EDGE + 17; to += 3) {
                begin(&r);
                CHECK(pith_memcpy(ours + to, source + from, n - 1) == ours + to);
                memcpy(theirs + to, source + from, n - 1);
                CHECK(memcmp(ours, theirs, ROOM) == 0);
            }
}

TEST(memmove_moves_over_itself)
{
    struct random r;
    random_seed(&r, 2);
    for (size_t n = 0; next_size(&n);)
        for (int distance = -40; distance <= 40; distance += distance < -2 || distance > 2 ? 7 : 1) {
            begin(&r);
            size_t to = (size_t)(EDGE + distance);
            CHECK(pith_memmove(ours + to, ours + EDGE, n - 1) == ours + to);
            memmove(theirs + to, theirs + EDGE, n - 1);
            CHECK(memcmp(ours, theirs, ROOM) == 0);
        }
}

TEST(memset_sets_exactly)
{
    struct random r;
    random_seed(&r, 3);
    for (size_t n = 0; next_size(&n);)
        for (size_t to = EDGE; to < EDGE + 17; to++) {
            begin(&r);
            CHECK(pith_memset(ours + to, (int)(0x100 + to), n - 1) == ours + to);
            memset(theirs + to, (int)(0x100 + to), n - 1);
            CHECK(memcmp(ours, theirs, ROOM) == 0);
        }
}

static int sign(int x)
{
    return x < 0 ? -1 : x > 0;
}

TEST(memcmp_finds_every_difference_and_its_sign)
{
    u8 a[80], b[80];
    for (size_t n = 0; n <= 64; n++)
        for (size_t shift = 0; shift < 9; shift++) {
            memset(a, 0x55, sizeof a);
            memset(b, 0x55, sizeof b);
            CHECK_EQ(pith_memcmp(a + shift, b, n), 0);
            for (size_t at = 0; at < n; at++) {
                a[shift + at] = 0x80;
                b[at] = at % 2 ? 0x7f : 0xff;
                CHECK_EQ(sign(pith_memcmp(a + shift, b, n)), sign(memcmp(a + shift, b, n)));
                a[shift + at] = b[at] = 0x55;
            }
        }
}

TEST(strlen_counts)
{
    char text[100];
    for (size_t n = 0; n < sizeof text; n++) {
        memset(text, 'x', sizeof text);
        text[n] = 0;
        CHECK_EQ(pith_strlen(text), n);
    }
}

TESTS(CASE(memcpy_copies_exactly), CASE(memmove_moves_over_itself), CASE(memset_sets_exactly),
      CASE(memcmp_finds_every_difference_and_its_sign), CASE(strlen_counts))
