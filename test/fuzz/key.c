/* Values that users give for keys: any text under any type and any bounds. */
#include "test/fuzz/fuzz.h"
#include "base/quantity.h"
#include "wire/manifest.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    if (n < 17)
        return 0;
    struct view in = {data, n};
    struct manifest_key key = {.type = data[0] % 9u, .min = load_le64(in, 1), .max = load_le64(in, 9)};
    struct view value = view_from(in, 17);
    u8 text[128];
    struct writer expected = writer_of(SPAN_OF(text));
    enum err e = key_check(&key, value, &expected);
    must(e == OK || e == ERR_INVALID);
    u64 bytes = 0;
    (void)view_to_size(value, &bytes);
    return 0;
}
