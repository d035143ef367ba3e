/* The bytes of a bundle (store/bundle.h says what one is). All little-endian; a
 * reader validates every offset once, and after that no access can go astray.
 *
 *   header   64 bytes: "PithBndl", u32 version (1), u32 files, u32 buckets (a power
 *            of two, at least 2 * files), u32 texts_n, u64 size, u64 index_at,
 *            u64 index_sum (checksum64 of the index), 8 zero bytes,
 *            u64 header_sum (checksum64 of the 56 bytes before it)
 *   bodies   from 64 to index_at, in the order of paths, plain before gzip, each at
 *            the next multiple of 64, gaps zero
 *   index    table: per bucket u32 hash, u32 number of the file + 1 (0: none); open
 *            addressing from hash % buckets on, one step at a time
 *            records: 136 bytes a file, sorted by path (bundle_put_record)
 *            texts: paths and response heads, found by offset and length
 * The index comes last so that a bundle is written in one pass over the files. */
#ifndef WIRE_BUNDLE_H
#define WIRE_BUNDLE_H

#include "base/codec.h"

enum {
    BUNDLE_VERSION = 1,
    BUNDLE_HEADER_SIZE = 64,
    BUNDLE_SLOT_SIZE = 8,
    BUNDLE_RECORD_SIZE = 136,
    BUNDLE_ALIGN = 64,             /* of a body: whole cache lines, none shared by two */
    BUNDLE_FILES_MAX = 1 << 20,
    BUNDLE_BUCKETS_MAX = 4 * BUNDLE_FILES_MAX,
    BUNDLE_PATH_MAX = 4096,
    BUNDLE_GZIP = 1,               /* flag: there is a gzip form */
};

struct bundle_header {
    u32 files, buckets, texts_n;
    u64 size, index_at, index_sum;
};

/* What bundle_get_header has made sure of: every section lies inside. */
/*@ predicate header_ok(struct bundle_header *h, struct view bytes) =
        bytes.n < 0x4000000000000000 && h->files <= BUNDLE_FILES_MAX &&
    0 < h->buckets <= BUNDLE_BUCKETS_MAX && h->size == bytes.n &&
            BUNDLE_HEADER_SIZE <= h->index_at <= h->size &&
            h->size - h->index_at == h->buckets * 8 + h->files * 136 + h->texts_n; */

/* One form of a file's content: as it is, or gzip. */
struct bundle_form {
    struct view body;
    struct view etag;       /* strong, with its quotes; differs between the forms (RFC 9110 §8.8.3) */
    struct view head_200;   /* "HTTP/1.1 200 OK\r\n" and every field that is the same each time
                               (Content-Type, Content-Length, Content-Encoding, ETag,
                               Last-Modified, Vary, Accept-Ranges); no Date, no
                               Connection, no Cache-Control, no empty line */
    struct view head_304;   /* the same for 304 Not Modified */
    u64 body_sum;           /* checksum64, against damage */
};

struct bundle_file {
    struct view path;
    struct view mime;       /* "text/html; charset=utf-8" */
    struct view last_modified; /* as HTTP date */
    u64 modified_unix_s;
    bool has_gzip;          /* only where it is at least a tenth smaller */
    struct bundle_form plain, gzip;
};

struct bundle_slot {
    u32 hash, number; /* of the file, from 1; 0: an empty slot */
};

/* Decodes and checks the header: every section lies inside `bytes`, which must be
 * exactly the bundle. ERR_MALFORMED; ERR_UNSUPPORTED: of another version. */
/*@ requires readable(bytes) && \valid(out) && \separated(out, bytes.p + (0 .. bytes.n - 1)); assigns *out;
    ensures \result == OK && bytes.n < 0x4000000000000000 ==> header_ok(out, bytes); */
enum err bundle_get_header(struct view bytes, struct bundle_header *out);

/* Slot `at` (below h->buckets). */
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes) && at < h->buckets; assigns \nothing; */
struct bundle_slot bundle_get_slot(struct view bytes, const struct bundle_header *h, u32 at);

/*@ predicate form_ok(struct bundle_form *f) =
        readable(f->body) && readable(f->etag) && readable(f->head_200) && readable(f->head_304);
    predicate file_ok(struct bundle_file *f) =
        readable(f->path) && readable(f->mime) && readable(f->last_modified) && form_ok(&f->plain) &&
            form_ok(&f->gzip); */

/* File `index` (below h->files). ERR_MALFORMED when a view would leave its section. */
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes) && index < h->files && \valid(out);
    requires \separated(out, h) && \separated(out, bytes.p + (0 .. bytes.n - 1));
    assigns *out; admit ensures file_ok(out);
    admit ensures out->plain.body.n <= bytes.n && out->gzip.body.n <= bytes.n; */
enum err bundle_get_file(struct view bytes, const struct bundle_header *h, u32 index,
                         struct bundle_file *out);

/* Everything that later accesses rely on: files in range and in order, the table
 * complete. Reads the index, not the bodies. */
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes); assigns \nothing; */
enum err bundle_validate(struct view bytes, const struct bundle_header *h);

/* bundle_validate, and the index against its checksum; or every byte, which reads
 * all of the bundle. */
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes); assigns \nothing; */
enum err bundle_verify_index(struct view bytes, const struct bundle_header *h);
/*@ requires readable(bytes) && \valid_read(h) && header_ok(h, bytes); assigns \nothing; */
enum err bundle_verify(struct view bytes, const struct bundle_header *h);

/*@ requires readable(path); assigns \nothing; */
u32 bundle_hash(struct view path);

/* What is written for a piece of text: where in the texts, and how long. */
struct bundle_text {
    u32 at, n;
};

struct bundle_form_record {
    u64 body_at, body_n, body_sum; /* from the start of the bundle */
    struct bundle_text etag, head_200, head_304;
};

struct bundle_record {
    struct bundle_text path, mime, last_modified;
    u64 modified_unix_s;
    u64 flags; /* BUNDLE_GZIP, or 0: the gzip form is all zero */
    struct bundle_form_record plain, gzip;
};

void bundle_put_header(struct writer *w, const struct bundle_header *h);
void bundle_put_slot(struct writer *w, struct bundle_slot s);
void bundle_put_record(struct writer *w, const struct bundle_record *r);

#endif
