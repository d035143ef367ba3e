#include "base/time.h"

/* Days since 1970-01-01 to a date and back: the civil calendar algorithms of
 * H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (eras of 400 years). */
struct date date_of(u64 unix_s)
{
    u64 days = unix_s / 86400, second = unix_s % 86400;
    u64 z = days + 719468;
    u64 era = z / 146097, doe = z % 146097;
    u64 yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    u64 doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    u64 mp = (5 * doy + 2) / 153;
    u64 month = mp < 10 ? mp + 3 : mp - 9;
    return (struct date){
        .year = (i32)(yoe + era * 400 + (month <= 2)),
        .month = (u8)month,
        .day = (u8)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (u8)(second / 3600),
        .minute = (u8)(second / 60 % 60),
        .second = (u8)(second % 60),
        .weekday = (u8)((days + 4) % 7),
    };
}

u64 date_to_unix(struct date d)
{
    if (d.year < 1970)
        return 0;
    u64 year = (u64)d.year - (d.month <= 2);
    u64 era = year / 400, yoe = year % 400;
    u64 mp = d.month > 2 ? (u64)d.month - 3 : (u64)d.month + 9;
    u64 doy = (153 * mp + 2) / 5 + d.day - 1;
    u64 doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    u64 days = era * 146097 + doe - 719468;
    return days * 86400 + (u64)d.hour * 3600 + (u64)d.minute * 60 + d.second;
}
