#include "base/hash.h"

#include "base/codec.h"

struct state {
    u64 v0, v1, v2, v3;
};

wraps static inline u64 rotate(u64 x, unsigned by)
{
    return x << by | x >> (64 - by);
}

wraps static inline struct state sip_round(struct state s)
{
    s.v0 += s.v1;
    s.v1 = rotate(s.v1, 13) ^ s.v0;
    s.v0 = rotate(s.v0, 32);
    s.v2 += s.v3;
    s.v3 = rotate(s.v3, 16) ^ s.v2;
    s.v0 += s.v3;
    s.v3 = rotate(s.v3, 21) ^ s.v0;
    s.v2 += s.v1;
    s.v1 = rotate(s.v1, 17) ^ s.v2;
    s.v2 = rotate(s.v2, 32);
    return s;
}

wraps static inline u64 siphash(struct hash_key key, struct view data, int rounds, int last_rounds)
{
    struct state s = {
        key.k0 ^ 0x736f6d6570736575ull,
        key.k1 ^ 0x646f72616e646f6dull,
        key.k0 ^ 0x6c7967656e657261ull,
        key.k1 ^ 0x7465646279746573ull,
    };
    u64 last = (u64)data.n << 56;
    for (; data.n >= 8; data = view_from(data, 8)) {
        u64 m = load_le64(data, 0);
        s.v3 ^= m;
        for (int i = 0; i < rounds; i++)
            s = sip_round(s);
        s.v0 ^= m;
    }
    for (size_t i = 0; i < data.n; i++)
        last |= (u64)view_at(data, i) << (8 * i);
    s.v3 ^= last;
    for (int i = 0; i < rounds; i++)
        s = sip_round(s);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    for (int i = 0; i < last_rounds; i++)
        s = sip_round(s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

u64 siphash24(struct hash_key key, struct view data)
{
    return siphash(key, data, 2, 4);
}

u64 siphash13(struct hash_key key, struct view data)
{
    return siphash(key, data, 1, 3);
}

/* One-to-one in `h` and in `word`: a change of either survives every later step. */
/*@ assigns \nothing; */
wraps static inline u64 fold(u64 h, u64 word)
{
    h = (h ^ word) * 0x9fb21c651e98df25ull;
    return h ^ h >> 32;
}

/* Four lanes, because a multiplication takes four cycles and one can start each cycle. */
wraps u64 checksum64(u64 seed, struct view data)
{
    u64 a = seed, b = ~seed, c = seed + 0x9e3779b97f4a7c15ull, d = ~c, n = data.n, last = 0;
    /*@ loop invariant readable(data); loop assigns a, b, c, d, data; loop variant data.n; */
    for (; data.n >= 32; data = view_from(data, 32)) {
        a = fold(a, load_le64(data, 0));
        b = fold(b, load_le64(data, 8));
        c = fold(c, load_le64(data, 16));
        d = fold(d, load_le64(data, 24));
    }
    /*@ loop invariant readable(data); loop assigns a, data; loop variant data.n; */
    for (; data.n >= 8; data = view_from(data, 8))
        a = fold(a, load_le64(data, 0));
    /*@ loop invariant i <= data.n && data.n < 8; loop assigns i, last; loop variant data.n - i; */
    for (size_t i = 0; i < data.n; i++)
        last |= (u64)view_at(data, i) << (8 * i);
    return fold(fold(fold(fold(fold(a, last), b), c), d), n);
}
