/* The Internet checksum (RFC 1071): the one's complement sum of 16-bit words in
 * network order. Sums of pieces add up as long as every piece but the last has an
 * even length. */
#ifndef WIRE_IP_SUM_H
#define WIRE_IP_SUM_H

#include "base/view.h"

/* `v`, at most 4 GiB, added to `sum`, not complemented. */
/*@ requires readable(v) && v.n <= 0xffffffff; assigns \nothing; */
u32 ip_sum(struct view v, u32 sum);

/* The 16 bits that go into a header once complemented. */
/*@ assigns \nothing; ensures sum % 0xffff == \result % 0xffff && (\result == 0 <==> sum == 0); */
u16 ip_sum_fold(u32 sum);

#endif
