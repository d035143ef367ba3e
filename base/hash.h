/* SipHash-2-4 and -1-3 (Aumasson, Bernstein 2012): keyed hashes for tables that
 * outsiders can put keys into, and for RFC 6528 sequence numbers. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/view.h"

struct hash_key {
    u64 k0, k1;
};

u64 siphash24(struct hash_key key, struct view data);
u64 siphash13(struct hash_key key, struct view data);

#endif
