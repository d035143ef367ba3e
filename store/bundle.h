/* A bundle: read-only files that lie in the image, each with everything HTTP wants
 * of it computed when the bundle was made. Opening checks the whole structure
 * once; nothing is copied, ever: all views live as long as the image and may be
 * sent with STREAM_STATIC. Paths are absolute, "/index.html", in bytes. */
#ifndef STORE_BUNDLE_H
#define STORE_BUNDLE_H

#include "base/view.h"

struct bundle {
    struct view bytes;
    u32 files, buckets;
    /* the rest as wire/bundle.h needs it */
    u32 table_at, records_at;
};

/* One form of a file's content: as it is, or gzip. */
struct bundle_form {
    struct view body;
    struct view etag;       /* strong, with its quotes; differs between the forms (RFC 9110 §8.8.3) */
    struct view head_200;   /* "HTTP/1.1 200 OK\r\n" and every field that is the same each time
                               (Content-Type, Content-Length, Content-Encoding, ETag,
                               Last-Modified, Vary, Accept-Ranges); no Date, no
                               Connection, no Cache-Control, no empty line */
    struct view head_304;   /* the same for 304 Not Modified */
};

struct bundle_file {
    struct view path;
    struct view mime;       /* "text/html; charset=utf-8" */
    struct view last_modified; /* as HTTP date */
    u64 modified_unix_s;
    bool has_gzip;          /* only where it is at least a tenth smaller */
    struct bundle_form plain, gzip;
};

/* ERR_MALFORMED: not a bundle, of another version, or damaged. */
enum err bundle_open(struct bundle *b, struct view bytes);

/* ERR_NOT_FOUND */
enum err bundle_find(const struct bundle *b, struct view path, struct bundle_file *out);

/* By number, in the order of paths; traps past the last. */
void bundle_at(const struct bundle *b, u32 index, struct bundle_file *out);

#endif
