#include "wire/bundle.h"

#include "base/hash.h"
#include "base/num.h"

enum { SUMMED = BUNDLE_HEADER_SIZE - 8 };

/*@ requires \valid_read(h); assigns \nothing; ensures \result == h->buckets * 8; */
static u64 table_n(const struct bundle_header *h)
{
    return (u64)h->buckets * BUNDLE_SLOT_SIZE;
}

/*@ requires \valid_read(h); assigns \nothing; ensures \result == h->files * 136; */
static u64 records_n(const struct bundle_header *h)
{
    return (u64)h->files * BUNDLE_RECORD_SIZE;
}

enum err bundle_get_header(struct view bytes, struct bundle_header *out)
{
    struct reader r = reader_of(bytes);
    struct view name = get_bytes(&r, 8);
    u32 version = get_le32(&r);
    struct bundle_header h = {0};
    h.files = get_le32(&r);
    h.buckets = get_le32(&r);
    h.texts_n = get_le32(&r);
    h.size = get_le64(&r);
    h.index_at = get_le64(&r);
    h.index_sum = get_le64(&r);
    get_skip(&r, 8);
    u64 sum = get_le64(&r);
    if (r.bad || !view_eq(name, VIEW("PithBndl")))
        return ERR_MALFORMED;
    if (version != BUNDLE_VERSION)
        return ERR_UNSUPPORTED;
    if (sum != checksum64(0, view_first(bytes, SUMMED)))
        return ERR_MALFORMED;
    if (h.files > BUNDLE_FILES_MAX || h.buckets == 0 || h.buckets > BUNDLE_BUCKETS_MAX ||
        h.buckets < 2 * h.files || (h.buckets & (h.buckets - 1)) != 0)
        return ERR_MALFORMED;
    if (h.size != bytes.n || h.index_at < BUNDLE_HEADER_SIZE || h.index_at > h.size)
        return ERR_MALFORMED;
    if (h.size - h.index_at != table_n(&h) + records_n(&h) + h.texts_n)
        return ERR_MALFORMED;
    *out = h;
    return OK;
}

struct bundle_slot bundle_get_slot(struct view bytes, const struct bundle_header *h, u32 at)
{
    must_in_bounds(at < h->buckets);
    struct view slot = view_sub(bytes, h->index_at + (u64)at * BUNDLE_SLOT_SIZE, BUNDLE_SLOT_SIZE);
    return (struct bundle_slot){.hash = load_le32(slot, 0), .number = load_le32(slot, 4)};
}

/* Where the fields of a record begin, and those of a form of the file in it. */
enum { PATH = 0, MIME = 8, LAST_MODIFIED = 16, MODIFIED = 24, FLAGS = 32, PLAIN = 40, GZIP = 88 };
enum { BODY = 0, BODY_SUM = 16, ETAG = 24, HEAD_200 = 32, HEAD_304 = 40 };

/* A record, what it refers to, and whether it refers to something else. */
struct sections {
    struct view record, bodies, texts;
    bool bad;
};

/*@ requires \valid(s) && readable(whole); assigns s->bad;
    ensures readable(\result) && \result.n <= whole.n; */
static struct view part_of(struct sections *s, struct view whole, u64 at, u64 n)
{
    if (unlikely(at > whole.n || n > whole.n - at)) {
        s->bad = true;
        return VIEW_NONE;
    }
    return view_sub(whole, at, n);
}

/*@ predicate sections_ok(struct sections *s) =
        readable(s->record) && s->record.n == BUNDLE_RECORD_SIZE && readable(s->bodies) &&
    readable(s->texts); */

/*@ requires \valid(s) && sections_ok(s) && field <= BUNDLE_RECORD_SIZE - 8;
    assigns s->bad; ensures readable(\result); */
static struct view text_of(struct sections *s, size_t field)
{
    return part_of(s, s->texts, load_le32(s->record, field), load_le32(s->record, field + 4));
}

/*@ requires \valid(s) && sections_ok(s) && (form == PLAIN || form == GZIP); assigns s->bad;
    ensures readable(\result.body) && readable(\result.etag) && readable(\result.head_200) &&
        readable(\result.head_304) && \result.body.n <= s->bodies.n; */
static struct bundle_form form_of(struct sections *s, size_t form)
{
    return (struct bundle_form){
        .body =
            part_of(s, s->bodies, load_le64(s->record, form + BODY), load_le64(s->record, form + BODY + 8)),
        .etag = text_of(s, form + ETAG),
        .head_200 = text_of(s, form + HEAD_200),
        .head_304 = text_of(s, form + HEAD_304),
        .body_sum = load_le64(s->record, form + BODY_SUM),
    };
}

/* Decoded for every request, so fields are taken from where they lie; and a form that is
 * not there is not looked at. */
enum err bundle_get_file(struct view bytes, const struct bundle_header *h, u32 index, struct bundle_file *out)
{
    must_in_bounds(index < h->files);
    u64 at = h->index_at + table_n(h) + (u64)index * BUNDLE_RECORD_SIZE;
    struct sections s = {
        .record = view_sub(bytes, at, BUNDLE_RECORD_SIZE),
        .bodies = view_first(bytes, h->index_at),
        .texts = view_from(bytes, bytes.n - h->texts_n),
    };
    u64 flags = load_le64(s.record, FLAGS);
    s.bad = flags > BUNDLE_GZIP;
    out->path = text_of(&s, PATH);
    out->mime = text_of(&s, MIME);
    out->last_modified = text_of(&s, LAST_MODIFIED);
    out->modified_unix_s = load_le64(s.record, MODIFIED);
    out->has_gzip = (flags & BUNDLE_GZIP) != 0;
    out->plain = form_of(&s, PLAIN);
    out->gzip = flags == BUNDLE_GZIP ? form_of(&s, GZIP) : (struct bundle_form){0};
    return s.bad ? ERR_MALFORMED : OK;
}

/*@ requires readable(head) && readable(status_line); assigns \nothing; */
static bool is_head(struct view head, struct view status_line)
{
    return view_starts(head, status_line) && view_ends(head, VIEW("\r\n"));
}

/*@ requires \valid_read(f) && form_ok(f); assigns \nothing; */
static bool is_form(const struct bundle_form *f)
{
    return f->etag.n >= 2 && is_head(f->head_200, VIEW("HTTP/1.1 200 OK\r\n")) &&
           is_head(f->head_304, VIEW("HTTP/1.1 304 Not Modified\r\n"));
}

/*@ requires \valid_read(f) && file_ok(f); assigns \nothing; */
static bool is_file(const struct bundle_file *f)
{
    return f->path.n <= BUNDLE_PATH_MAX && view_starts(f->path, VIEW("/")) && is_form(&f->plain) &&
           (!f->has_gzip || is_form(&f->gzip));
}

/* Is file `number` met on the way from its hash's slot on, before an empty slot? */
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes); assigns \nothing; */
static bool is_reachable(struct view bytes, const struct bundle_header *h, u32 number, u32 hash)
{
    /*@ loop invariant i <= h->buckets; loop assigns i; loop variant h->buckets - i; */
    for (u32 i = 0; i < h->buckets; i++) {
        struct bundle_slot s = bundle_get_slot(bytes, h, wrap_add32(hash, i) & (h->buckets - 1));
        if (s.number == number)
            return s.hash == hash;
        if (s.number == 0)
            return false;
    }
    return false;
}

enum err bundle_validate(struct view bytes, const struct bundle_header *h)
{
    struct view last = VIEW_NONE;
    struct bundle_file f;
    u32 used = 0;
    /*@ loop invariant used <= i <= h->buckets; loop assigns i, used; loop variant h->buckets - i; */
    for (u32 i = 0; i < h->buckets; i++)
        used += bundle_get_slot(bytes, h, i).number != 0;
    if (used != h->files)
        return ERR_MALFORMED;
    /*@ loop invariant i <= h->files && readable(last); loop assigns i, last, f; loop variant h->files - i; */
    for (u32 i = 0; i < h->files; i++) {
        TRY(bundle_get_file(bytes, h, i, &f));
        if (!is_file(&f) || view_cmp(last, f.path) >= 0)
            return ERR_MALFORMED;
        if (!is_reachable(bytes, h, i + 1, bundle_hash(f.path)))
            return ERR_MALFORMED;
        last = f.path;
    }
    return OK;
}

/*@ requires readable(bytes) && bytes.n < 0x4000000000000000 && \valid(end) && *end <= bytes.n;
    requires \valid_read(f) && readable(f->body) && f->body.n <= bytes.n && \separated(end, f);
    assigns *end; ensures \result ==> *end <= bytes.n; */
/* The body that begins at the next multiple of BUNDLE_ALIGN after *end, with only
 * zeroes in between; moves *end behind it. */
static bool verify_body(struct view bytes, u64 *end, const struct bundle_form *f)
{
    u64 start = align_up(*end, BUNDLE_ALIGN);
    if (start + f->body.n > bytes.n)
        return false;
    /*@ loop invariant *end <= i && i <= bytes.n + 64; loop assigns i; loop variant bytes.n + 64 - i; */
    for (u64 i = *end; i < start; i++)
        if (view_at(bytes, i) != 0)
            return false;
    *end = start + f->body.n;
    return f->body.p == view_sub(bytes, start, f->body.n).p && checksum64(0, f->body) == f->body_sum;
}

enum err bundle_verify_index(struct view bytes, const struct bundle_header *h)
{
    TRY(bundle_validate(bytes, h));
    return checksum64(0, view_from(bytes, h->index_at)) == h->index_sum ? OK : ERR_MALFORMED;
}

enum err bundle_verify(struct view bytes, const struct bundle_header *h)
{
    TRY(bundle_verify_index(bytes, h));
    u64 end = BUNDLE_HEADER_SIZE;
    /*@ loop invariant i <= h->files && end <= bytes.n; loop assigns i, end; loop variant h->files - i; */
    for (u32 i = 0; i < h->files; i++) {
        struct bundle_file f;
        TRY(bundle_get_file(bytes, h, i, &f));
        if (!verify_body(bytes, &end, &f.plain) || (f.has_gzip && !verify_body(bytes, &end, &f.gzip)))
            return ERR_MALFORMED;
    }
    if (align_up(end, BUNDLE_ALIGN) != h->index_at)
        return ERR_MALFORMED;
    /*@ loop invariant end <= bytes.n; loop assigns end; loop variant h->index_at - end; */
    for (; end < h->index_at; end++)
        if (view_at(bytes, end) != 0)
            return ERR_MALFORMED;
    return OK;
}

/* No key: the table is fixed when the bundle is made, so no client can make it slow. */
u32 bundle_hash(struct view path)
{
    return (u32)(checksum64(0, path) >> 32);
}

void bundle_put_header(struct writer *w, const struct bundle_header *h)
{
    struct span start = span_from(w->out, w->n);
    put_bytes(w, VIEW("PithBndl"));
    put_le32(w, BUNDLE_VERSION);
    put_le32(w, h->files);
    put_le32(w, h->buckets);
    put_le32(w, h->texts_n);
    put_le64(w, h->size);
    put_le64(w, h->index_at);
    put_le64(w, h->index_sum);
    put_zeroes(w, 8);
    put_le64(w, w->full ? 0 : checksum64(0, view_of(span_first(start, SUMMED))));
}

void bundle_put_slot(struct writer *w, struct bundle_slot s)
{
    put_le32(w, s.hash);
    put_le32(w, s.number);
}

static void put_text_ref(struct writer *w, struct bundle_text t)
{
    put_le32(w, t.at);
    put_le32(w, t.n);
}

static void put_form(struct writer *w, const struct bundle_form_record *f)
{
    put_le64(w, f->body_at);
    put_le64(w, f->body_n);
    put_le64(w, f->body_sum);
    put_text_ref(w, f->etag);
    put_text_ref(w, f->head_200);
    put_text_ref(w, f->head_304);
}

void bundle_put_record(struct writer *w, const struct bundle_record *r)
{
    put_text_ref(w, r->path);
    put_text_ref(w, r->mime);
    put_text_ref(w, r->last_modified);
    put_le64(w, r->modified_unix_s);
    put_le64(w, r->flags);
    put_form(w, &r->plain);
    put_form(w, &r->gzip);
}
