#include "wire/uri.h"

#include "base/codec.h"

/*@ assigns \nothing; ensures -1 <= \result < 16; */
static int hex(u8 c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that %XY at the start of v stands for; -1: not an escape. */
/*@ requires readable(v); assigns \nothing; ensures -1 <= \result <= 255 && (\result >= 0 ==> v.n >= 3); */
static int escape(struct view v)
{
    if (v.n < 3)
        return -1;
    int high = hex(view_at(v, 1)), low = hex(view_at(v, 2));
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/*@ requires readable(v) && \valid(w) && open(*w); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures open(*w); */
static enum err decode(struct view v, struct writer *w, bool plus)
{
    /*@ loop invariant readable(v) && open(*w);
        loop assigns v, w->n, w->full, w->out.p[0 .. w->out.n - 1]; loop variant v.n; */
    while (v.n > 0) {
        u8 c = view_at(v, 0);
        if (c == '%') {
            int byte = escape(v);
            if (byte < 0)
                return ERR_MALFORMED;
            put_u8(w, (u8)byte);
            v = view_from(v, 3);
            continue;
        }
        put_u8(w, plus && c == '+' ? ' ' : c);
        v = view_from(v, 1);
    }
    return OK;
}

bool uri_path_plain(struct view path)
{
    return view_starts(path, VIEW("/")) && view_find(path, '%') == path.n &&
           view_find_seq(path, VIEW("/.")) == path.n;
}

/* Drops the last segment of what was written, but not the root's slash. */
/*@ requires \valid(w) && open(*w); assigns w->n; ensures open(*w); */
static void drop_segment(struct writer *w)
{
    /*@ loop invariant open(*w); loop assigns w->n; loop variant w->n; */
    while (w->n > 0) {
        w->n--;
        if (span_at(w->out, w->n) == '/')
            return;
    }
}

/* Bytes of the same room. */
/*@ requires \valid(w) && open(*w) && readable(v); assigns w->n, w->full, w->out.p[0 .. w->out.n - 1];
    ensures put{Pre, Post}(w, v.n); */
static void put_again(struct writer *w, struct view v)
{
    struct span room = put_room(w, v.n);
    if (!w->full)
        copy_within(room, v);
}

/* Segments move only towards the start, so source and result share the room. */
/*@ requires readable(path) && writable(room); assigns room.p[0 .. room.n - 1];
    ensures readable(\result) && \result.n <= room.n; */
static struct view remove_dots(struct view path, struct span room)
{
    struct writer w = writer_of(room);
    bool slash_at_end = false;
    /*@ loop invariant readable(path) && open(w) && w.out.p == room.p && w.out.n == room.n;
        loop assigns path, w.n, w.full, slash_at_end, room.p[0 .. room.n - 1]; loop variant path.n; */
    while (path.n > 0) {
        size_t end = view_find(view_from(path, 1), '/') + 1;
        struct view segment = view_first(path, end);
        path = view_from(path, end);
        bool dot = view_eq(segment, VIEW("/."));
        bool up = view_eq(segment, VIEW("/.."));
        slash_at_end = dot || up;
        if (up)
            drop_segment(&w);
        else if (!dot)
            put_again(&w, segment);
    }
    if (slash_at_end)
        put_u8(&w, '/');
    return written(&w);
}

enum err uri_path(struct view path, struct span room, struct view *out)
{
    struct writer w = writer_of(room);
    if (!view_starts(path, VIEW("/")))
        return ERR_MALFORMED;
    TRY(decode(path, &w, false));
    if (w.full || view_find_control(written(&w)) < w.n || view_find(written(&w), '\t') < w.n)
        return ERR_MALFORMED;
    *out = remove_dots(written(&w), room);
    return OK;
}

bool uri_form_next(struct view *rest, struct view *name, struct view *value)
{
    /*@ loop invariant readable(*rest) && rest->n <= \at(rest->n, Pre); loop assigns *rest;
        loop variant rest->n; */
    while (rest->n > 0) {
        struct view pair = view_cut(*rest, '&', rest);
        if (pair.n == 0)
            continue;
        *name = view_cut(pair, '=', value);
        return true;
    }
    return false;
}

enum err uri_form_decode(struct view v, struct span room, struct view *out)
{
    struct writer w = writer_of(room);
    TRY(decode(v, &w, true));
    *out = written(&w);
    return w.full ? ERR_MALFORMED : OK;
}
