/* Values of HTTP fields. The first two bytes choose the field and a size. */
#include "base/fmt.h"
#include "base/time.h"
#include "test/fuzz/fuzz.h"
#include "wire/http_value.h"

/* A date that is accepted prints as one that is accepted and means the same. */
static void check_date(struct view v)
{
    u64 unix_s, again;
    if (http_date(v, &unix_s) != OK)
        return;
    u8 text[64];
    struct writer w = writer_of(SPAN_OF(text));
    put_http_date(&w, date_of(unix_s));
    must(http_date(written(&w), &again) == OK && again == unix_s);
}

static void check_ranges(struct view v, u64 size)
{
    struct http_ranges r;
    if (http_ranges(v, size, &r) != OK)
        return;
    must(r.n >= 1 && r.n <= HTTP_RANGES_MAX);
    for (size_t i = 0; i < r.n; i++)
        must(AT(r.range, i).first <= AT(r.range, i).last && AT(r.range, i).last < size);
}

static void check_etags(struct view v)
{
    bool strong = http_etag_listed(v, VIEW("\"a\""), false), weak = http_etag_listed(v, VIEW("\"a\""), true);
    must(!strong || weak);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    if (n < 2)
        return 0;
    struct view in = view_from((struct view){data, n}, 2);
    switch (data[0] % 4) {
    case 0:
        check_date(in);
        break;
    case 1:
        check_ranges(in, data[1] == 255 ? UINT64_MAX : (u64)data[1] * data[1]);
        break;
    case 2:
        check_etags(in);
        break;
    default:
        (void)http_accepts_coding(in, VIEW("gzip"));
        break;
    }
    return 0;
}
