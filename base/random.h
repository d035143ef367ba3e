/* A small fast generator (xoshiro256**, Blackman and Vigna 2018) for jitter and
 * simulation. Not for secrets: those come from sig/entropy.h. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/types.h"

struct random {
    u64 s[4];
};

void random_seed(struct random *r, u64 seed);
u64 random_u64(struct random *r);
u64 random_below(struct random *r, u64 bound); /* uniform in [0, bound); bound > 0 */

#endif
