#include "base/codec.h"

/* Out of line: inlined into every decoder and encoder they cost an image 3.6 KB. */

struct view get_bytes(struct reader *r, size_t n)
{
    if (unlikely(r->bad || n > r->rest.n)) {
        r->bad = true;
        return VIEW_NONE;
    }
    struct view taken = view_first(r->rest, n);
    r->rest = view_from(r->rest, n);
    return taken;
}

#define BASE_GET(name, type)                                \
    type get_##name(struct reader *r)                       \
    {                                                       \
        struct view b = get_bytes(r, sizeof(type));         \
        return unlikely(r->bad) ? 0 : load_##name(b, 0);    \
    }
BASE_GET(u8, u8)
BASE_GET(be16, u16)
BASE_GET(be32, u32)
BASE_GET(be64, u64)
BASE_GET(le16, u16)
BASE_GET(le32, u32)
BASE_GET(le64, u64)
#undef BASE_GET

struct view written(const struct writer *w)
{
    return view_of(span_first(w->out, w->n));
}

struct span put_room(struct writer *w, size_t n)
{
    if (unlikely(w->full || n > w->out.n - w->n)) {
        w->full = true;
        return SPAN_NONE;
    }
    struct span room = span_sub(w->out, w->n, n);
    w->n += n;
    return room;
}

void put_bytes(struct writer *w, struct view v)
{
    struct span room = put_room(w, v.n);
    if (likely(!w->full))
        copy(room, v);
}

void put_zeroes(struct writer *w, size_t n)
{
    fill(put_room(w, n), 0);
}

void put_u8(struct writer *w, u8 x)
{
    struct span room = put_room(w, 1);
    if (likely(!w->full))
        span_set(room, 0, x);
}

#define BASE_PUT(name, type)                                \
    void put_##name(struct writer *w, type x)               \
    {                                                       \
        struct span room = put_room(w, sizeof x);           \
        if (likely(!w->full))                               \
            store_##name(room, 0, x);                       \
    }
BASE_PUT(be16, u16)
BASE_PUT(be32, u32)
BASE_PUT(be64, u64)
BASE_PUT(le16, u16)
BASE_PUT(le32, u32)
BASE_PUT(le64, u64)
#undef BASE_PUT
