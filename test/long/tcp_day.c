/* 24 hours of connections on a link that loses and reorders 5 %: `make long`. */
#include "test/tcp_life.h"

TEST(a_day_on_a_bad_link)
{
    life(24 * 3600);
}

TESTS(CASE(a_day_on_a_bad_link))
