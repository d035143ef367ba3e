/* URI parts (RFC 3986): percent-decoding of paths and of form-encoded queries.
 * Output goes to memory that the caller gives, and is never longer than the input. */
#ifndef WIRE_URI_H
#define WIRE_URI_H

#include "base/view.h"

/* Decodes an absolute path into `room` (at least path.n bytes) and removes its dot
 * segments (RFC 3986 §5.2.4), so that "/a/../b" and "/%2e%2e/b" cannot leave the
 * root. ERR_MALFORMED: no leading slash, a bad escape, or an encoded control byte. */
/*@ requires readable(path) && writable(room) && \valid(out);
    requires \separated(out, room.p + (0 .. room.n - 1), path.p + (0 .. path.n - 1));
    assigns *out, room.p[0 .. room.n - 1];
    ensures \result == OK ==> out->n <= room.n && readable(*out); */
enum err uri_path(struct view path, struct span room, struct view *out);

/* True when uri_path would change nothing: most paths, which so need no copy. */
/*@ requires readable(path); assigns \nothing; */
bool uri_path_plain(struct view path);

/* The next name=value pair of a form-encoded string, still encoded; false at the end. */
/*@ requires \valid(rest) && \valid(name) && \valid(value) && \separated(rest, name, value) &&
    readable(*rest);
    assigns *rest, *name, *value;
    ensures readable(*rest) && (\result ==> readable(*name) && readable(*value) &&
    rest->n < \old(rest->n)); */
bool uri_form_next(struct view *rest, struct view *name, struct view *value);

/* Decodes "%41+b" to "A b" into room (at least v.n bytes). ERR_MALFORMED. */
/*@ requires readable(v) && writable(room) && \valid(out);
    requires \separated(out, room.p + (0 .. room.n - 1), v.p + (0 .. v.n - 1));
    assigns *out, room.p[0 .. room.n - 1];
    ensures \result == OK ==> out->n <= room.n && readable(*out); */
enum err uri_form_decode(struct view v, struct span room, struct view *out);

#endif
