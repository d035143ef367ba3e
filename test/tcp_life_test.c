/* An hour of connections on a link that loses and reorders 5 %. The whole day is
 * test/long/tcp_day.c. */
#include "test/tcp_life.h"

TEST(an_hour_on_a_bad_link)
{
    life(3600);
}

TESTS(CASE(an_hour_on_a_bad_link))
