/* Decimal numbers from outside (base/view.h): what is accepted is digits only, and
 * printing it with as many digits gives the input. */
#include "base/fmt.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    struct view in = {data, n};
    u64 x = 0;
    if (view_to_u64(in, &x) != OK)
        return 0;
    must(n > 0);
    while (in.n > 20) {
        must(view_at(in, 0) == '0');
        in = view_from(in, 1);
    }
    u8 text[32];
    struct writer w = writer_of(SPAN_OF(text));
    put_dec_pad(&w, x, in.n);
    must(view_eq(written(&w), in));
    return 0;
}
