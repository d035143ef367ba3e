#include "wire/ip_sum.h"

#include "base/codec.h"
#include "base/num.h"

/*@ assigns \nothing; ensures \result == x % 0x100000000 + x / 0x100000000; */
static u64 halves(u64 x)
{
    return (x & 0xffffffff) + (x >> 32);
}

/*@ assigns \nothing; */
static u16 folded(u64 acc)
{
    acc = halves(acc);
    acc = (acc & 0xffff) + (acc >> 16);
    acc = (acc & 0xffff) + (acc >> 16);
    acc = (acc & 0xffff) + (acc >> 16);
    return (u16)acc;
}

/* The sum is taken in the machine's order and turned round once at the end, which
 * RFC 1071 §2(B) shows to be the same. */
u32 ip_sum(struct view v, u32 sum)
{
    u64 acc = 0;
    /*@ loop invariant readable(v) && v.n <= \at(v.n, Pre) && acc <= (\at(v.n, Pre) - v.n) * 0x40000000;
        loop assigns acc, v; loop variant v.n; */
    while (v.n >= 32) {
        acc += halves(load_le64(v, 0)) + halves(load_le64(v, 8));
        acc += halves(load_le64(v, 16)) + halves(load_le64(v, 24));
        v = view_from(v, 32);
    }
    if (v.n >= 16) {
        acc += halves(load_le64(v, 0)) + halves(load_le64(v, 8));
        v = view_from(v, 16);
    }
    /*@ loop invariant readable(v) && v.n <= \at(v.n, Pre) && acc <= (\at(v.n, Pre) - v.n) * 0x40000000;
        loop assigns acc, v; loop variant v.n; */
    while (v.n >= 4) {
        acc += load_le32(v, 0);
        v = view_from(v, 4);
    }
    if (v.n >= 2) {
        acc += load_le16(v, 0);
        v = view_from(v, 2);
    }
    if (v.n > 0)
        acc += view_at(v, 0);
    return (u32)halves(halves((u64)sum + swap16(folded(acc))));
}

u16 ip_sum_fold(u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16)((sum & 0xffff) + (sum >> 16));
}
