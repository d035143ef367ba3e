/* The head of a pack: what is decoded lies in it, and encoding it again gives the same. */
#include "test/fuzz/fuzz.h"
#include "wire/pack.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static u8 again[PACK_HEAD_MAX];
    struct view in = {data, n};
    struct pack p;
    u32 head_n = pack_head_size(in);
    if (head_n == 0 || head_n > n || pack_get_head(view_first(in, head_n), &p) != OK)
        return 0;
    must(view_inside(p.name, in) && p.image_at <= p.pack_n && p.image_n <= p.pack_n - p.image_at);
    for (u32 i = 0; i < p.keys_n; i++)
        must(view_inside(AT(p.keys, i).name, in) && view_inside(AT(p.keys, i).value, in));
    struct writer w = writer_of(SPAN_OF(again));
    pack_put_head(&w, &p);
    must(!w.full && view_eq(written(&w), view_first(in, head_n)));
    return 0;
}
