/* Seals: one that is made holds, and breaks with any byte of the file. */
#include "test/fuzz/fuzz.h"
#include "wire/seal.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static u8 room[8192 + SEAL_SIZE];
    struct view in = {data, n};
    (void)seal_check(in);
    must(view_inside(seal_strip(in), in));
    if (n == 0 || n > sizeof room - SEAL_SIZE)
        return 0;
    struct span file = span_first(SPAN_OF(room), n + SEAL_SIZE);
    copy(file, in);
    seal_make(view_of(span_first(file, n)), 0, 0, span_from(file, n));
    must(seal_check(view_of(file)) == OK);
    must(seal_strip(view_of(file)).n == n);
    size_t at = (size_t)data[0] * 31 % n;
    span_set(file, at, span_at(file, at) ^ 1);
    must(seal_check(view_of(file)) != OK);
    return 0;
}
