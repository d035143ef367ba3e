/* Bundles as the command makes and adds them. All say on standard error what went
 * wrong, and what to do, before they answer something else than EXIT_OK. */
#ifndef PITH_BUNDLE_H
#define PITH_BUNDLE_H

#include "base/view.h"

struct bundle_options {
    int gzip_level;   /* 1 to 9; 0: no gzip variants */
    bool has_epoch;   /* files newer than epoch_s get that time (SOURCE_DATE_EPOCH) */
    u64 epoch_s;
};

/* What `pith bundle` uses, and what `pith run NAME DIR` uses, where a start counts
 * for more than the last percent. */
extern const struct bundle_options bundle_sealed, bundle_quick;

/* Writes the files below `dir` as a bundle into `out_fd`, a seekable file, from
 * `offset` on (a multiple of 64); `*size` is how long it is. The same tree gives
 * the same bytes. */
int bundle_write(const char *dir, const struct bundle_options *options, int out_fd, u64 offset, u64 *size);

/* For `pith run`: bundle_write with bundle_quick, from the start of `out_fd`. */
int bundle_make(const char *dir, int out_fd);

/* Is this a bundle's first bytes, rather than an image's? */
bool bundle_is(struct view first_bytes);

#endif
