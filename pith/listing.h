/* What is in a bundle, for people and for scripts. */
#ifndef PITH_LISTING_H
#define PITH_LISTING_H

#include "pith/image.h"

/* A table of files with sizes and types, and a line of totals, on standard output. */
void listing_print(struct view bundle, const struct bundle_header *h);

/* A JSON array of {path, size, gzip_size, type, modified, etag}; no newline. */
void listing_print_json(struct view bundle, const struct bundle_header *h);

/* "12.3 KiB", in static memory that four calls share. */
const char *human_size(u64 bytes);

/* A JSON string on standard output, with its quotes; bytes above 127 as they are. */
void print_json_text(struct view text);

#endif
