/* What every fuzz target needs. A target is one function over hostile bytes that
 * decodes them and states with must() what is true of any result: its views lie
 * inside of the input, and encoding it again gives what was decoded. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include "base/view.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

/* Every byte of `part` lies in `whole`. An empty view may point anywhere. */
static inline bool view_inside(struct view part, struct view whole)
{
    uintptr_t from = (uintptr_t)part.p, low = (uintptr_t)whole.p;
    return part.n == 0 || (from >= low && part.n <= whole.n && from - low <= whole.n - part.n);
}

#endif
