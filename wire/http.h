/* HTTP/1.1 message heads (RFC 9112 §2 to §6): one strict parser for requests and
 * one for responses, over one contiguous view, in place. A parsed head refers to
 * its bytes by offset, so it can follow a copy of them (http_head_move). What two
 * recipients could understand differently is refused, never repaired: bare CR or
 * LF, folded lines, blanks before a colon, two lengths, a length beside a coding,
 * a second Host. Nothing here blocks or allocates. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/view.h"

enum { HTTP_FIELDS_MAX = 100, HTTP_HEAD_MAX = 65535 };

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_CONNECT,
    HTTP_TRACE,
    HTTP_METHOD_OTHER, /* a token, but none of these: see head.method_name */
    HTTP_METHODS = HTTP_METHOD_OTHER
};

/* Fields that the parser notes by name as it passes them. */
enum http_known {
    HTTP_HOST,
    HTTP_CONNECTION,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_EXPECT,
    HTTP_UPGRADE,
    HTTP_CONTENT_TYPE,
    HTTP_ACCEPT_ENCODING,
    HTTP_RANGE,
    HTTP_IF_RANGE,
    HTTP_IF_MATCH,
    HTTP_IF_NONE_MATCH,
    HTTP_IF_MODIFIED_SINCE,
    HTTP_IF_UNMODIFIED_SINCE,
    HTTP_USER_AGENT,
    HTTP_REFERER,
    HTTP_KNOWN_COUNT
};

/* How the end of the body is told (RFC 9112 §6.3). */
enum http_framing {
    HTTP_NO_BODY,
    HTTP_LENGTH,      /* head.content_length bytes */
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE, /* responses only */
};

/* A part of the head's bytes. */
struct http_slot {
    u16 at, n;
};

struct http_field {
    struct http_slot name, value;
};

struct http_head {
    struct view bytes; /* the whole head, with its final empty line */
    u64 content_length;
    enum http_method method;
    enum http_framing framing;
    u16 status;      /* of a response */
    u16 refusal;     /* the status code to refuse a request with, when it was not OK */
    u16 fields_n;
    u8 minor;        /* HTTP/1.minor */
    bool keep_alive; /* the connection persists after this message (RFC 9112 §9.3) */
    bool expect_continue;
    bool has_query;
    struct http_slot method_name, target;
    struct http_slot path;  /* still percent-encoded; "*" for OPTIONS *, empty for CONNECT */
    struct http_slot query; /* without its question mark */
    struct http_slot host;  /* of the target where it is absolute, else of the Host field */
    struct http_slot reason;
    u8 known[HTTP_KNOWN_COUNT]; /* 1 + the number of the first such field; 0: absent */
    struct http_field fields[HTTP_FIELDS_MAX];
};

/* What holds of a head while it is parsed and after: its parts lie in its bytes. */
/*@ predicate slot_in(struct http_slot s, integer n) = s.at + s.n <= n;
    predicate fields_in(struct http_head *h, integer n) =
        h->fields_n <= HTTP_FIELDS_MAX && (\forall integer i; 0 <= i < h->fields_n ==>
            slot_in(h->fields[i].name, n) && slot_in(h->fields[i].value, n));
    predicate known_in(struct http_head *h) =
        \forall integer i; 0 <= i < HTTP_KNOWN_COUNT ==> h->known[i] <= h->fields_n;
    predicate head_ok(struct http_head *h) =
        readable(h->bytes) && h->bytes.n <= HTTP_HEAD_MAX && fields_in(h, h->bytes.n) && known_in(h); */

struct http_limits {
    u32 head_bytes;   /* whole head, at most HTTP_HEAD_MAX */
    u32 target_bytes; /* request target */
    u32 fields;       /* at most HTTP_FIELDS_MAX */
};

/* Parses the request head at the start of `v`. OK: head->bytes says how long it is.
 * ERR_EOF: it goes on past the end of v. ERR_MALFORMED, ERR_TOO_BIG,
 * ERR_UNSUPPORTED: refused, and head->refusal is the status code for it. */
/*@ requires readable(v) && \valid(head) && \valid_read(limits) && limits->head_bytes <= HTTP_HEAD_MAX;
    requires \separated(head, limits, v.p + (0 .. v.n - 1));
    assigns *head; admit ensures \result == OK ==> head_ok(head); */
enum err http_parse_request(struct http_head *head, struct view v, const struct http_limits *limits);

/* The same for the head of a response to a request with `method`. No refusal. */
/*@ requires readable(v) && \valid(head) && \valid_read(limits) && limits->head_bytes <= HTTP_HEAD_MAX;
    requires \separated(head, limits, v.p + (0 .. v.n - 1));
    assigns *head; admit ensures \result == OK ==> head_ok(head); */
enum err http_parse_response(struct http_head *head, struct view v, enum http_method method,
                             const struct http_limits *limits);

/*@ requires \valid_read(h) && readable(h->bytes) && slot_in(s, h->bytes.n); assigns \nothing;
    ensures part(\result, h->bytes, s.at, s.n) && readable(\result); */
static inline struct view http_slot_view(const struct http_head *h, struct http_slot s)
{
    return view_sub(h->bytes, s.at, s.n);
}

/* The value of a known field; false when it is absent. The first when repeated. */
/*@ requires \valid_read(h) && head_ok(h) && 0 <= which < HTTP_KNOWN_COUNT && \valid(value);
    assigns *value; ensures \result ==> readable(*value) && h->known[which] > 0; */
bool http_known(const struct http_head *h, enum http_known which, struct view *value);

/* The same by name, in any case; `nth` counts from 0. */
/*@ requires \valid_read(h) && head_ok(h) && readable(name) && \valid(value) && \separated(h, value);
    assigns *value; ensures \result ==> readable(*value) && nth < h->fields_n; */
bool http_field(const struct http_head *h, struct view name, size_t nth, struct view *value);

/* Makes `to` the same head over `bytes`, a copy of from->bytes. */
void http_head_move(struct http_head *to, const struct http_head *from, struct view bytes);

/* "GET"; empty for HTTP_METHOD_OTHER. */
/*@ assigns \nothing; ensures readable(\result); */
struct view http_method_text(enum http_method m);

/* "Not Found"; empty for a code without a name. */
/*@ assigns \nothing; ensures readable(\result); */
struct view http_reason(u16 status);

/* RFC 9110 §5.6.2 and §5.5: what an application may put into a field. */
/*@ requires readable(v); assigns \nothing; */
bool http_is_token(struct view v);
/*@ requires readable(v); assigns \nothing; */
bool http_is_field_value(struct view v);

#endif
