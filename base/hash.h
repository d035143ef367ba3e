/* SipHash-2-4 and -1-3 (Aumasson, Bernstein 2012): keyed hashes for tables that
 * outsiders can put keys into, and for RFC 6528 sequence numbers. And a checksum
 * against damage, at memory speed. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/view.h"

struct hash_key {
    u64 k0, k1;
};

u64 siphash24(struct hash_key key, struct view data);
u64 siphash13(struct hash_key key, struct view data);

/* 64 bits over `data`, continued from `seed`. Whatever happens to one 8-byte word
 * is found for certain, anything else but for one chance in 2^64. It resists
 * accidents, not people: no key, no secret. */
/*@ requires readable(data); assigns \nothing; */
u64 checksum64(u64 seed, struct view data);

#endif
