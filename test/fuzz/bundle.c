/* Bundles. Checksums and the hash table are put right first (the first byte says
 * whether), since no mutation would guess them. A bundle that validates serves every file, by number
 * and by path, from within its bytes. */
#include "base/hash.h"
#include "test/fuzz/fuzz.h"
#include "wire/bundle.h"

static u8 room[8192];

/* The table that the paths of the records ask for. */
static void mend_table(struct span b, const struct bundle_header *h)
{
    fill(span_sub(b, h->index_at, (size_t)h->buckets * BUNDLE_SLOT_SIZE), 0);
    for (u32 i = 0; i < h->files; i++) {
        struct bundle_file f;
        if (bundle_get_file(view_of(b), h, i, &f) != OK)
            return;
        u32 hash = bundle_hash(f.path), at = hash & (h->buckets - 1);
        while (bundle_get_slot(view_of(b), h, at).number != 0)
            at = (at + 1) & (h->buckets - 1);
        struct writer w =
            writer_of(span_sub(b, h->index_at + (size_t)at * BUNDLE_SLOT_SIZE, BUNDLE_SLOT_SIZE));
        bundle_put_slot(&w, (struct bundle_slot){hash, i + 1});
    }
}

static void mend(struct span b)
{
    if (b.n < BUNDLE_HEADER_SIZE)
        return;
    struct view summed = view_first(view_of(b), BUNDLE_HEADER_SIZE - 8);
    store_le64(b, BUNDLE_HEADER_SIZE - 8, checksum64(0, summed));
    struct bundle_header h;
    if (bundle_get_header(view_of(b), &h) != OK)
        return;
    mend_table(b, &h);
    store_le64(b, 40, checksum64(0, view_from(view_of(b), h.index_at)));
    store_le64(b, BUNDLE_HEADER_SIZE - 8, checksum64(0, summed));
}

static void check_form(const struct bundle_form *f, struct view in)
{
    must(view_inside(f->body, in) && view_inside(f->etag, in));
    must(view_inside(f->head_200, in) && view_inside(f->head_304, in));
}

static bool listed(struct view in, const struct bundle_header *h, struct view path, u32 number)
{
    u32 at = bundle_hash(path) & (h->buckets - 1);
    for (u32 tried = 0; tried < h->buckets; tried++, at = (at + 1) & (h->buckets - 1)) {
        struct bundle_slot slot = bundle_get_slot(in, h, at);
        if (slot.number == number || slot.number == 0)
            return slot.number == number;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    if (n < 2 || n > sizeof room)
        return 0;
    struct span copied = span_first(SPAN_OF(room), n - 1);
    copy(copied, view_from((struct view){data, n}, 1));
    if (data[0] & 1)
        mend(copied);
    struct view in = view_of(copied);
    struct bundle_header h;
    if (bundle_get_header(in, &h) != OK || bundle_validate(in, &h) != OK)
        return 0;
    (void)bundle_verify(in, &h);
    for (u32 i = 0; i < h.files; i++) {
        struct bundle_file f;
        must(bundle_get_file(in, &h, i, &f) == OK);
        must(view_inside(f.path, in) && view_inside(f.mime, in) && view_inside(f.last_modified, in));
        check_form(&f.plain, in);
        check_form(&f.gzip, in);
        must(listed(in, &h, f.path, i + 1));
    }
    return 0;
}
