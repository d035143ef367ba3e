#include "base/random.h"

wraps static u64 splitmix64(u64 *x)
{
    u64 z = *x += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

void random_seed(struct random *r, u64 seed)
{
    for (size_t i = 0; i < COUNT(r->s); i++)
        AT(r->s, i) = splitmix64(&seed);
}

wraps static u64 rotate(u64 x, unsigned by)
{
    return x << by | x >> (64 - by);
}

wraps u64 random_u64(struct random *r)
{
    u64 *s = r->s;
    u64 result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Multiply and shift (Lemire 2019) without the rejection step: the bias is
 * below bound / 2^64, which no simulation sees. */
u64 random_below(struct random *r, u64 bound)
{
    must(bound > 0);
    return (u64)((unsigned __int128)random_u64(r) * bound >> 64);
}
