#include "base/quantity.h"

#include "base/num.h"

static enum err scaled(struct view digits, u64 unit, u64 *out)
{
    TRY(view_to_u64(digits, out));
    return ckd_mul(out, *out, unit) ? ERR_RANGE : OK;
}

enum err view_to_duration_ms(struct view v, u64 *out)
{
    if (view_ends(v, VIEW("ms")))
        return scaled(view_first(v, v.n - 2), 1, out);
    if (v.n == 0)
        return ERR_MALFORMED;
    struct view digits = view_first(v, v.n - 1);
    switch (view_at(v, v.n - 1)) {
    case 's':
        return scaled(digits, 1000, out);
    case 'm':
        return scaled(digits, 60 * 1000, out);
    case 'h':
        return scaled(digits, 3600 * 1000, out);
    default:
        return ERR_MALFORMED;
    }
}

enum err view_to_size(struct view v, u64 *out)
{
    if (v.n == 0)
        return ERR_MALFORMED;
    struct view digits = view_first(v, v.n - 1);
    switch (ascii_lower(view_at(v, v.n - 1))) {
    case 'k':
        return scaled(digits, 1024, out);
    case 'm':
        return scaled(digits, 1024 * 1024, out);
    case 'g':
        return scaled(digits, 1024 * 1024 * 1024, out);
    default:
        return view_to_u64(v, out);
    }
}
