/* A bundle: read-only files that lie in the image, each with everything HTTP wants
 * of it computed when the bundle was made. Opening checks the whole structure
 * once; nothing is copied, ever: all views live as long as the image and may be
 * sent with STREAM_STATIC. Paths are absolute, "/index.html", in bytes. */
#ifndef STORE_BUNDLE_H
#define STORE_BUNDLE_H

#include "wire/bundle.h"

/* struct bundle_file and struct bundle_form, what is known of a file, are in
 * wire/bundle.h, with the format. */
struct bundle {
    struct view bytes;
    struct bundle_header header;
};

/* ERR_MALFORMED: not a bundle, or damaged. ERR_UNSUPPORTED: of another version. */
enum err bundle_open(struct bundle *b, struct view bytes);

/* ERR_NOT_FOUND */
enum err bundle_find(const struct bundle *b, struct view path, struct bundle_file *out);

/* By number, in the order of paths; traps past the last. */
void bundle_at(const struct bundle *b, u32 index, struct bundle_file *out);

#endif
