/* What every host asks of a request to a disk before it takes it, except where its memory
 * lies, which each host knows for itself. */
#ifndef HOST_REQUEST_H
#define HOST_REQUEST_H

#include "host/host.h"

/* `r` is a copy that the image cannot change any more. */
static inline bool request_makes_sense(const struct host_device *d, const struct host_block *r)
{
    if (r->op == HOST_BLOCK_FLUSH)
        return true;
    return r->op <= HOST_BLOCK_DISCARD && r->n > 0 && (r->offset | r->n) % d->block_bytes == 0 &&
           r->offset <= d->disk_bytes && r->n <= d->disk_bytes - r->offset &&
           (r->op == HOST_BLOCK_DISCARD || r->n <= HOST_BLOCK_MAX);
}

#endif
