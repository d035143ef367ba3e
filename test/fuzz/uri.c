/* Paths and forms: nothing decoded is longer than it was or leads out of the root. */
#include "test/fuzz/fuzz.h"
#include "wire/uri.h"

static u8 room[8192];

static void check_path(struct view in)
{
    struct view out;
    if (uri_path(in, span_first(SPAN_OF(room), in.n), &out) != OK) {
        /* Bytes that no request target holds (wire/http.h) are for uri_path alone to refuse. */
        must(!uri_path_plain(in) || view_find_control(in) < in.n || view_find(in, '\t') < in.n);
        return;
    }
    must(out.n >= 1 && out.n <= in.n && view_at(out, 0) == '/');
    must(!uri_path_plain(in) || view_eq(in, out));
    for (struct view rest = view_from(out, 1); rest.n > 0;) {
        struct view segment = view_cut(rest, '/', &rest);
        must(!view_eq(segment, VIEW(".")) && !view_eq(segment, VIEW("..")));
    }
    must(view_find(out, 0) == out.n);
}

static void check_form(struct view in)
{
    struct view rest = in, name, value, out;
    size_t pairs = 0;
    while (uri_form_next(&rest, &name, &value)) {
        must(view_inside(name, in) && view_inside(value, in) && ++pairs <= in.n + 1);
        if (uri_form_decode(value, span_first(SPAN_OF(room), value.n), &out) == OK)
            must(out.n <= value.n);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    if (n > sizeof room)
        return 0;
    check_path((struct view){data, n});
    check_form((struct view){data, n});
    return 0;
}
