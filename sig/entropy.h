/* The entropy of an image: exactly one source, bound when the image is linked.
 * Fit for keys. Never blocks, never fails: a host without entropy does not boot. */
#ifndef SIG_ENTROPY_H
#define SIG_ENTROPY_H

#include "base/hash.h"

void entropy_fill(struct span out);

static inline u64 entropy_u64(void)
{
    u64 x = 0;
    entropy_fill(SPAN_OF(x));
    return x;
}

static inline struct hash_key entropy_hash_key(void)
{
    struct hash_key k = {0};
    entropy_fill(SPAN_OF(k));
    return k;
}

#endif
