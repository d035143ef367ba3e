/* Time is u64 nanoseconds. A point in time or a deadline is on the monotonic
 * clock (sig/clock.h) unless its name says `wall`; a deadline comes last in an
 * argument list. FOREVER never passes. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/types.h"

#define FOREVER UINT64_MAX
#define NS_PER_US ((u64)1000)
#define NS_PER_MS ((u64)1000000)
#define NS_PER_S ((u64)1000000000)

/* A date of the proleptic Gregorian calendar in UTC. */
struct date {
    i32 year;
    u8 month;   /* 1 to 12 */
    u8 day;     /* 1 to 31 */
    u8 hour, minute, second;
    u8 weekday; /* 0 = Sunday */
};

struct date date_of(u64 unix_s);
/*@ requires d.month <= 12 && 1 <= d.day <= 31; assigns \nothing; */
u64 date_to_unix(struct date d); /* 0 for a date before 1970 */

#endif
