/* Bundles of many shapes, whole and damaged: what is accepted can be read without a
 * trap, and what checksums cover is never read wrong. */
#include "base/fmt.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/random.h"
#include "store/bundle.h"
#include "test/test.h"
#include "wire/seal.h"

enum { SPACE = 1 << 20, FILES_MAX = 600 };

static u8 space[SPACE], damaged[SPACE], texts[SPACE];
static struct bundle_record records[FILES_MAX];
static struct bundle_slot slots[4 * FILES_MAX];

struct shape {
    const char *path, *body, *gzip; /* gzip NULL: none */
};

static struct bundle_text text(struct writer *t, const char *s)
{
    struct bundle_text ref = {to_u32(t->n), to_u32(strlen(s))};
    put_text(t, s);
    return ref;
}

static void form(struct writer *w, struct writer *t, const char *body, const char *etag,
                 struct bundle_form_record *out)
{
    while (w->n % BUNDLE_ALIGN != 0)
        put_u8(w, 0);
    out->body_at = w->n;
    out->body_n = strlen(body);
    out->body_sum = checksum64(0, view_z(body));
    put_text(w, body);
    out->etag = text(t, etag);
    out->head_200 = text(t, "HTTP/1.1 200 OK\r\nETag: x\r\n");
    out->head_304 = text(t, "HTTP/1.1 304 Not Modified\r\nETag: x\r\n");
}

/* Files in order of paths, as pith/bundle_write.c writes them, into `space`. */
static struct view make(const struct shape *files, u32 n)
{
    struct writer w = writer_of(SPAN_OF(space)), t = writer_of(SPAN_OF(texts));
    struct bundle_header h = {.files = n, .buckets = 2};
    put_zeroes(&w, BUNDLE_HEADER_SIZE);
    memset(slots, 0, sizeof slots);
    while (h.buckets < 2 * n)
        h.buckets *= 2;
    for (u32 i = 0; i < n; i++) {
        struct bundle_record *r = &records[i];
        *r =
            (struct bundle_record){.path = text(&t, files[i].path), .flags = files[i].gzip ? BUNDLE_GZIP : 0};
        r->mime = text(&t, "text/plain");
        r->last_modified = text(&t, "Thu, 01 Jan 1970 00:00:00 GMT");
        form(&w, &t, files[i].body, "\"a\"", &r->plain);
        if (r->flags)
            form(&w, &t, files[i].gzip, "\"b\"", &r->gzip);
        u32 hash = bundle_hash(view_z(files[i].path)), at = hash & (h.buckets - 1);
        while (slots[at].number)
            at = (at + 1) & (h.buckets - 1);
        slots[at] = (struct bundle_slot){hash, i + 1};
    }
    while (w.n % BUNDLE_ALIGN != 0)
        put_u8(&w, 0);
    h.index_at = w.n;
    for (u32 i = 0; i < h.buckets; i++)
        bundle_put_slot(&w, slots[i]);
    for (u32 i = 0; i < n; i++)
        bundle_put_record(&w, &records[i]);
    put_bytes(&w, written(&t));
    must(!w.full && !t.full);
    h.size = w.n;
    h.texts_n = to_u32(t.n);
    h.index_sum = checksum64(0, view_from(written(&w), h.index_at));
    struct writer head = writer_of(SPAN_OF(space));
    bundle_put_header(&head, &h);
    return written(&w);
}

static const struct shape site[] = {
    {"/", "root", NULL},
    {"/a", "", NULL},
    {"/a/b", "x", "y"},
    {"/index.html", "<h1>Welcome</h1> to a page that is longer than one cache line of 64 bytes", "gz"},
    {"/\xc3\xa9t\xc3\xa9.txt", "summer", NULL},
};

/* Touches every byte of every view of every file; a sanitizer or a trap would end us. */
static u64 read_all(const struct bundle *b)
{
    u64 sum = 0;
    for (u32 i = 0; i < b->header.files; i++) {
        struct bundle_file f;
        bundle_at(b, i, &f);
        struct view views[] = {f.path,       f.mime,           f.last_modified,  f.plain.body,
                               f.plain.etag, f.plain.head_200, f.plain.head_304, f.gzip.body,
                               f.gzip.etag,  f.gzip.head_200,  f.gzip.head_304};
        for (size_t k = 0; k < COUNT(views); k++)
            sum = checksum64(sum, views[k]);
    }
    return sum;
}

TEST(every_file_comes_back)
{
    struct bundle b;
    CHECK(bundle_open(&b, make(site, COUNT(site))) == OK);
    CHECK_EQ(b.header.files, COUNT(site));
    for (u32 i = 0; i < COUNT(site); i++) {
        struct bundle_file f, same;
        bundle_at(&b, i, &f);
        CHECK(view_eq(f.path, view_z(site[i].path)));
        CHECK(view_eq(f.plain.body, view_z(site[i].body)));
        CHECK(f.has_gzip == (site[i].gzip != NULL));
        CHECK(!f.has_gzip || view_eq(f.gzip.body, view_z(site[i].gzip)));
        CHECK(!f.has_gzip || !view_eq(f.plain.etag, f.gzip.etag));
        CHECK(bundle_find(&b, f.path, &same) == OK);
        CHECK(same.plain.body.p == f.plain.body.p);
    }
    CHECK(bundle_verify(b.bytes, &b.header) == OK);
}

TEST(what_is_not_there_is_not_found)
{
    struct bundle b;
    struct bundle_file f;
    CHECK(bundle_open(&b, make(site, COUNT(site))) == OK);
    CHECK(bundle_find(&b, VIEW(""), &f) == ERR_NOT_FOUND);
    CHECK(bundle_find(&b, VIEW("/b"), &f) == ERR_NOT_FOUND);
    CHECK(bundle_find(&b, VIEW("/a/"), &f) == ERR_NOT_FOUND);
    CHECK(bundle_find(&b, VIEW("/a\0"), &f) == ERR_NOT_FOUND);
    CHECK(bundle_find(&b, VIEW("/INDEX.HTML"), &f) == ERR_NOT_FOUND);
}

TEST(a_bundle_of_nothing)
{
    struct bundle b;
    struct bundle_file f;
    CHECK(bundle_open(&b, make(site, 0)) == OK);
    CHECK(bundle_find(&b, VIEW("/"), &f) == ERR_NOT_FOUND);
    CHECK(bundle_verify(b.bytes, &b.header) == OK);
}

TEST(hundreds_of_files_are_each_found)
{
    static struct shape many[FILES_MAX];
    static char names[FILES_MAX][16];
    for (u32 i = 0; i < FILES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "/file-%05u", i);
        many[i] = (struct shape){names[i], names[i], i % 3 ? NULL : "z"};
    }
    struct bundle b;
    struct bundle_file f;
    CHECK(bundle_open(&b, make(many, FILES_MAX)) == OK);
    for (u32 i = 0; i < FILES_MAX; i++) {
        CHECK(bundle_find(&b, view_z(names[i]), &f) == OK);
        CHECK(view_eq(f.plain.body, view_z(names[i])));
    }
    CHECK(bundle_verify(b.bytes, &b.header) == OK);
}

TEST(files_out_of_order_or_twice_are_refused)
{
    static const struct shape reversed[] = {{"/b", "1", NULL}, {"/a", "2", NULL}};
    static const struct shape twice[] = {{"/a", "1", NULL}, {"/a", "2", NULL}};
    static const struct shape relative[] = {{"a", "1", NULL}};
    struct bundle b;
    CHECK(bundle_open(&b, make(reversed, 2)) == ERR_MALFORMED);
    CHECK(bundle_open(&b, make(twice, 2)) == ERR_MALFORMED);
    CHECK(bundle_open(&b, make(relative, 1)) == ERR_MALFORMED);
}

/* Opening looks at the structure, verifying at every byte. */
TEST(every_damaged_byte_is_found_and_none_traps)
{
    struct bundle b;
    struct view whole = make(site, COUNT(site));
    for (size_t i = 0; i < whole.n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(damaged, whole.p, whole.n);
            damaged[i] = (u8)(damaged[i] ^ 1u << bit);
            if (bundle_open(&b, (struct view){damaged, whole.n}) != OK)
                continue;
            (void)read_all(&b);
            CHECK(bundle_verify(b.bytes, &b.header) == ERR_MALFORMED);
        }
    }
}

TEST(a_bundle_cut_off_anywhere_is_refused)
{
    struct bundle b;
    struct view whole = make(site, COUNT(site));
    for (size_t n = 0; n < whole.n; n++)
        CHECK(bundle_open(&b, view_first(whole, n)) != OK);
}

/* Offsets from outside, with checksums that fit: only the range checks stand. */
TEST(hostile_indexes_do_not_trap)
{
    u64 seed = 20261123, opened = 0;
    struct random r;
    struct bundle b;
    random_seed(&r, seed);
    printf("# seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 40000; round++) {
        struct view whole = make(site, COUNT(site));
        struct bundle_header h;
        CHECK(bundle_get_header(whole, &h) == OK);
        u64 edits = 1 + random_below(&r, 4);
        for (u64 i = 0; i < edits; i++) {
            u64 at = h.index_at + random_below(&r, whole.n - h.index_at);
            space[at] = random_below(&r, 2) ? 0xff : (u8)random_u64(&r);
        }
        if (random_below(&r, 8) == 0)
            h.buckets = (u32)random_u64(&r) >> random_below(&r, 32);
        if (random_below(&r, 8) == 0)
            h.texts_n = (u32)random_u64(&r) >> random_below(&r, 32);
        if (random_below(&r, 8) == 0)
            h.files = (u32)random_u64(&r) >> random_below(&r, 32);
        struct writer w = writer_of(SPAN_OF(space));
        bundle_put_header(&w, &h);
        if (bundle_open(&b, whole) == OK) {
            opened++;
            (void)read_all(&b);
        }
    }
    CHECK(opened > 0);
}

TEST(another_version_is_told_from_damage)
{
    struct bundle b;
    struct view whole = make(site, COUNT(site));
    space[8] = BUNDLE_VERSION + 1;
    CHECK(bundle_open(&b, whole) == ERR_UNSUPPORTED);
}

TEST(a_seal_finds_every_changed_byte_and_every_cut)
{
    enum { N = 3000 };
    for (size_t i = 0; i < N; i++)
        space[i] = (u8)(i * 7);
    seal_make((struct view){space, N}, 0, 0, (struct span){space + N, SEAL_SIZE});
    struct view sealed = {space, N + SEAL_SIZE};
    CHECK(seal_check(sealed) == OK);
    CHECK_EQ(seal_strip(sealed).n, N);
    for (size_t i = 0; i < sealed.n; i++) {
        space[i] ^= 0x40;
        CHECK(seal_check(sealed) != OK);
        space[i] ^= 0x40;
    }
    for (size_t n = 0; n < sealed.n; n++)
        CHECK(seal_check(view_first(sealed, n)) != OK);
}

TEST(a_seal_may_leave_a_part_out)
{
    enum { N = 3000, FROM = 1000, LENGTH = 1001 };
    seal_make((struct view){space, N}, FROM, LENGTH, (struct span){space + N, SEAL_SIZE});
    struct view sealed = {space, N + SEAL_SIZE};
    for (size_t i = 0; i < sealed.n; i++) {
        bool skipped = i >= FROM && i < FROM + LENGTH;
        space[i] ^= 1;
        CHECK((seal_check(sealed) == OK) == skipped);
        space[i] ^= 1;
    }
}

TESTS(CASE(every_file_comes_back), CASE(what_is_not_there_is_not_found), CASE(a_bundle_of_nothing),
      CASE(hundreds_of_files_are_each_found), CASE(files_out_of_order_or_twice_are_refused),
      CASE(every_damaged_byte_is_found_and_none_traps), CASE(a_bundle_cut_off_anywhere_is_refused),
      CASE(hostile_indexes_do_not_trap), CASE(another_version_is_told_from_damage),
      CASE(a_seal_finds_every_changed_byte_and_every_cut), CASE(a_seal_may_leave_a_part_out))
