/* Media types by file name (IANA's registry). */
#ifndef PITH_MIME_H
#define PITH_MIME_H

#include "base/view.h"

struct mime {
    const char *type;   /* with charset where it is text */
    bool compressible;  /* worth a try with gzip */
};

/* By the name's extension, whatever its case. A name without a known one is plain
 * text when `start`, its first bytes, looks like text, else application/octet-stream. */
struct mime mime_of(const char *path, struct view start);

#endif
