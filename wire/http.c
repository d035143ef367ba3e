#include "wire/http.h"

#include "base/num.h"

/* Classes of bytes, one bit each. */
enum { TOKEN = 1, TARGET = 2, HOST = 4 };

/* token (RFC 9110 §5.6.2); visible ASCII that a target may hold (RFC 3986, and what
 * browsers send besides: | { } ^ ` [ ] \); uri-host with port (RFC 3986 §3.2.2). */
static const u8 classes[256] = {
    ['!'] = 7,         ['"'] = 0,         ['#'] = 1,  ['$'] = 7, ['%'] = 7, ['&'] = 7, ['\''] = 7,
    ['('] = 6,         [')'] = 6,         ['*'] = 7,  ['+'] = 7, [','] = 6, ['-'] = 7, ['.'] = 7,
    ['/'] = 2,         ['0' ... '9'] = 7, [':'] = 6,  [';'] = 6, ['='] = 6, ['?'] = 2, ['@'] = 2,
    ['A' ... 'Z'] = 7, ['['] = 6,         ['\\'] = 2, [']'] = 6, ['^'] = 3, ['_'] = 7, ['`'] = 3,
    ['a' ... 'z'] = 7, ['{'] = 2,         ['|'] = 3,  ['}'] = 2, ['~'] = 7,
};

/*@ assigns \nothing; */
static bool in_class(u8 c, u8 class)
{
    return (AT(classes, c) & class) != 0;
}

/* How many bytes at the start of v are of that class. Words, sixteen bytes at a
 * time, are in every class; the table decides where they end. */
/*@ requires readable(v); assigns \nothing; ensures \result <= v.n; */
static size_t run_of(struct view v, u8 class)
{
    size_t n = view_run_word(v);
    /*@ loop invariant n <= v.n; loop assigns n; loop variant v.n - n; */
    while (n < v.n && in_class(view_at(v, n), class))
        n++;
    return n;
}

bool http_is_token(struct view v)
{
    return v.n > 0 && run_of(v, TOKEN) == v.n;
}

bool http_is_field_value(struct view v)
{
    return view_find_control(v) == v.n && view_trim(v).n == v.n;
}

/* The parser's place: `at` is where the next line begins in head->bytes, which is
 * all that was received until the end of the head is known. */
struct parse {
    struct http_head *head;
    const struct http_limits *limits;
    size_t at;
};

/*@ // What was known of the fields still is.
    predicate kept{A, B}(struct http_head *h) =
        (\forall integer n; fields_in{A}(h, n) ==> fields_in{B}(h, n)) && (known_in{A}(h) ==> known_in{B}(h));
    predicate fresh(struct http_head *h) = h->fields_n == 0 && known_in(h);
    predicate parsing(struct parse *p) =
        \valid(p) && \valid(p->head) && \valid_read(p->limits) && p->at <= p->head->bytes.n &&
            readable(p->head->bytes) && p->head->bytes.n <= HTTP_HEAD_MAX &&
            \separated(p, p->head, p->limits, p->head->bytes.p + (0 .. p->head->bytes.n - 1)); */

/*@ requires parsing(p); assigns p->head->refusal; ensures \result != OK && kept{Pre, Post}(p->head); */
static enum err refuse(struct parse *p, u16 status)
{
    p->head->refusal = status;
    return status == 400                                     ? ERR_MALFORMED
           : status == 501 || status == 505 || status == 417 ? ERR_UNSUPPORTED
                                                             : ERR_TOO_BIG;
}

/* The bytes end inside the head: more to come, unless it is too long already. */
/*@ requires parsing(p); assigns p->head->refusal; ensures \result != OK && kept{Pre, Post}(p->head); */
static enum err ask_more(struct parse *p, u16 status_if_full)
{
    return p->head->bytes.n >= p->limits->head_bytes ? refuse(p, status_if_full) : ERR_EOF;
}

/*@ requires at <= HTTP_HEAD_MAX && n <= HTTP_HEAD_MAX; assigns \nothing;
    ensures \result.at == at && \result.n == n; */
static struct http_slot slot(size_t at, size_t n)
{
    return (struct http_slot){to_u16(at), to_u16(n)};
}

/* ---- request line -------------------------------------------------------------- */

struct view http_method_text(enum http_method m)
{
    switch (m) {
    case HTTP_GET:
        return VIEW("GET");
    case HTTP_HEAD:
        return VIEW("HEAD");
    case HTTP_POST:
        return VIEW("POST");
    case HTTP_PUT:
        return VIEW("PUT");
    case HTTP_DELETE:
        return VIEW("DELETE");
    case HTTP_PATCH:
        return VIEW("PATCH");
    case HTTP_OPTIONS:
        return VIEW("OPTIONS");
    case HTTP_CONNECT:
        return VIEW("CONNECT");
    case HTTP_TRACE:
        return VIEW("TRACE");
    case HTTP_METHOD_OTHER:
        break;
    }
    return VIEW_NONE;
}

/*@ requires readable(name); assigns \nothing; */
static enum http_method method_of(struct view name)
{
    if (view_eq(name, VIEW("GET")))
        return HTTP_GET;
    /*@ loop invariant HTTP_HEAD <= m <= HTTP_METHODS; loop assigns m; loop variant HTTP_METHODS - m; */
    for (enum http_method m = HTTP_HEAD; m < HTTP_METHODS; m++)
        if (view_eq(name, http_method_text(m)))
            return m;
    return HTTP_METHOD_OTHER;
}

/* Host, or the authority of a target: uri-host with an optional port, no userinfo. */
/*@ requires readable(v); assigns \nothing; */
static bool good_authority(struct view v)
{
    if (run_of(v, HOST) != v.n)
        return false;
    if (view_find(v, ':') == v.n) /* the usual: a name or an IPv4 address alone */
        return view_find(v, '[') == v.n && view_find(v, ']') == v.n;
    struct view port = VIEW_NONE, name = v;
    if (view_at(v, 0) == '[') {
        struct view inside = view_from(v, 1);
        size_t close = view_find(inside, ']');
        if (close == inside.n)
            return false;
        port = view_from(inside, close + 1);
        name = view_first(inside, close);
        if (port.n > 0 && !view_starts(port, VIEW(":")))
            return false;
        if (view_find(name, '[') < name.n || view_find(name, ':') == name.n)
            return false;
    } else {
        size_t colon = view_find(v, ':');
        name = view_first(v, colon);
        port = view_from(v, colon);
        if (view_find(name, '[') < name.n || view_find(name, ']') < name.n)
            return false;
    }
    u64 number;
    return port.n <= 1 || (view_to_u64(view_from(port, 1), &number) == OK && number <= 65535);
}

/* Splits path and query; `at` is where `v` begins in the head. */
/*@ requires \valid(h) && readable(v) && at + v.n <= HTTP_HEAD_MAX;
    assigns h->path, h->has_query, h->query;
    ensures slot_in(h->path, at + v.n) && slot_in(h->query, at + v.n); */
static void set_path(struct http_head *h, struct view v, size_t at)
{
    size_t mark = view_find(v, '?');
    h->path = slot(at, mark);
    h->has_query = mark < v.n;
    h->query = h->has_query ? slot(at + mark + 1, v.n - mark - 1) : slot(at + mark, 0);
}

/* absolute-form (RFC 9112 §3.2.2), which every server must understand. */
/*@ requires parsing(p) && readable(target) && at + target.n <= HTTP_HEAD_MAX;
    assigns p->head->refusal, p->head->host, p->head->path, p->head->has_query, p->head->query; */
static enum err absolute_form(struct parse *p, struct view target, size_t at)
{
    size_t colon = view_find(target, ':');
    struct view scheme = view_first(target, colon), rest = view_from(target, colon);
    if (!view_eq_nocase(scheme, VIEW("http")) && !view_eq_nocase(scheme, VIEW("https")))
        return refuse(p, 400);
    if (!view_starts(rest, VIEW("://")))
        return refuse(p, 400);
    rest = view_from(rest, 3);
    at += colon + 3;
    size_t end = MIN(view_find(rest, '/'), view_find(rest, '?'));
    if (end == 0 || !good_authority(view_first(rest, end)))
        return refuse(p, 400);
    p->head->host = slot(at, end);
    set_path(p->head, view_from(rest, end), at + end);
    return OK;
}

/*@ requires parsing(p) && readable(target) && target.n > 0 && at + target.n <= HTTP_HEAD_MAX;
    assigns p->head->refusal, p->head->target, p->head->host, p->head->path, p->head->has_query,
    p->head->query; */
static enum err request_target(struct parse *p, struct view target, size_t at)
{
    struct http_head *h = p->head;
    h->target = slot(at, target.n);
    if (h->method == HTTP_CONNECT) {
        if (!good_authority(target) || view_find(target, ':') == target.n)
            return refuse(p, 400);
        h->host = h->target;
        h->path = slot(at, 0);
        h->query = slot(at, 0);
        return OK;
    }
    if (view_at(target, 0) == '/') {
        set_path(h, target, at);
        return OK;
    }
    if (h->method == HTTP_OPTIONS && view_eq(target, VIEW("*"))) {
        set_path(h, target, at);
        return OK;
    }
    return absolute_form(p, target, at);
}

/*@ assigns \nothing; */
static bool is_digit(u8 c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.x" at the start of v, which may be cut off. */
/*@ requires parsing(p) && readable(v); assigns p->head->refusal, p->head->minor;
    ensures \result == OK ==> v.n >= 8; */
static enum err http_version(struct parse *p, struct view v, u16 status_if_full)
{
    struct view name = VIEW("HTTP/");
    size_t n = MIN(v.n, name.n);
    if (!view_eq(view_first(v, n), view_first(name, n)) || (v.n > 5 && !is_digit(view_at(v, 5))) ||
        (v.n > 6 && view_at(v, 6) != '.') || (v.n > 7 && !is_digit(view_at(v, 7))))
        return refuse(p, 400);
    if (v.n < 8)
        return ask_more(p, status_if_full);
    if (view_at(v, 5) != '1')
        return refuse(p, 505);
    p->head->minor = (u8)(view_at(v, 7) - '0');
    return OK;
}

/* CR LF at the start of v, which may be cut off. */
/*@ requires parsing(p) && readable(v); assigns p->head->refusal;
    ensures \result == OK ==> v.n >= 2; ensures kept{Pre, Post}(p->head); */
static enum err line_end(struct parse *p, struct view v, u16 status_if_full)
{
    if (v.n >= 1 && view_at(v, 0) != '\r')
        return refuse(p, 400);
    if (v.n >= 2 && view_at(v, 1) != '\n')
        return refuse(p, 400);
    return v.n < 2 ? ask_more(p, status_if_full) : OK;
}

/* method SP request-target SP HTTP-version CRLF */
/*@ requires parsing(p) && fresh(p->head);
    assigns p->at, p->head->refusal, p->head->method_name, p->head->method, p->head->target, p->head->host,
        p->head->path, p->head->has_query, p->head->query, p->head->minor;
    admit ensures parsing(p) && fresh(p->head); */
static enum err request_line(struct parse *p)
{
    struct http_head *h = p->head;
    struct view rest = view_from(h->bytes, p->at);
    size_t n = run_of(rest, TOKEN);
    if (n == rest.n)
        return n > 32 ? refuse(p, 501) : ask_more(p, 431);
    if (n == 0 || view_at(rest, n) != ' ')
        return refuse(p, 400);
    if (n > 32)
        return refuse(p, 501);
    h->method_name = slot(p->at, n);
    h->method = method_of(view_first(rest, n));
    rest = view_from(rest, n + 1);
    p->at += n + 1;

    n = run_of(rest, TARGET);
    if (n > p->limits->target_bytes)
        return refuse(p, 414);
    if (n == rest.n)
        return ask_more(p, 414);
    if (n == 0 || view_at(rest, n) != ' ')
        return refuse(p, 400);
    TRY(request_target(p, view_first(rest, n), p->at));
    rest = view_from(rest, n + 1);
    p->at += n + 1;

    TRY(http_version(p, rest, 414));
    TRY(line_end(p, view_from(rest, 8), 414));
    p->at += 10;
    return OK;
}

/* ---- fields ---------------------------------------------------------------------- */

/*@ requires readable(name) && readable(known); assigns \nothing;
    ensures \result == which || \result == HTTP_KNOWN_COUNT; */
static enum http_known if_named(struct view name, struct view known, enum http_known which)
{
    return view_eq_nocase(name, known) ? which : HTTP_KNOWN_COUNT;
}

/*@ requires readable(name) && name.n > 0; assigns \nothing; ensures 0 <= \result <= HTTP_KNOWN_COUNT; */
static enum http_known known_of(struct view name)
{
    u8 first = ascii_lower(view_at(name, 0));
    switch (name.n) {
    case 4:
        return if_named(name, VIEW("host"), HTTP_HOST);
    case 5:
        return if_named(name, VIEW("range"), HTTP_RANGE);
    case 6:
        return if_named(name, VIEW("expect"), HTTP_EXPECT);
    case 7:
        return first == 'u' ? if_named(name, VIEW("upgrade"), HTTP_UPGRADE)
                            : if_named(name, VIEW("referer"), HTTP_REFERER);
    case 8:
        return ascii_lower(view_at(name, 3)) == 'm' ? if_named(name, VIEW("if-match"), HTTP_IF_MATCH)
                                                    : if_named(name, VIEW("if-range"), HTTP_IF_RANGE);
    case 10:
        return first == 'c' ? if_named(name, VIEW("connection"), HTTP_CONNECTION)
                            : if_named(name, VIEW("user-agent"), HTTP_USER_AGENT);
    case 12:
        return if_named(name, VIEW("content-type"), HTTP_CONTENT_TYPE);
    case 13:
        return if_named(name, VIEW("if-none-match"), HTTP_IF_NONE_MATCH);
    case 14:
        return if_named(name, VIEW("content-length"), HTTP_CONTENT_LENGTH);
    case 15:
        return if_named(name, VIEW("accept-encoding"), HTTP_ACCEPT_ENCODING);
    case 17:
        return first == 't' ? if_named(name, VIEW("transfer-encoding"), HTTP_TRANSFER_ENCODING)
                            : if_named(name, VIEW("if-modified-since"), HTTP_IF_MODIFIED_SINCE);
    case 19:
        return if_named(name, VIEW("if-unmodified-since"), HTTP_IF_UNMODIFIED_SINCE);
    default:
        return HTTP_KNOWN_COUNT;
    }
}

/* A second one of these would let two recipients disagree. */
/*@ assigns \nothing; */
static bool only_once(enum http_known which)
{
    return which == HTTP_HOST || which == HTTP_CONTENT_LENGTH || which == HTTP_TRANSFER_ENCODING;
}

/*@ requires \valid(h) && h->fields_n < HTTP_FIELDS_MAX && known_in(h);
    assigns h->fields_n, h->fields[0 .. HTTP_FIELDS_MAX - 1];
    ensures h->fields_n == \old(h->fields_n) + 1 && known_in(h);
    ensures \forall integer m, n; \old(fields_in(h, m)) && m <= n && slot_in(field.name, n) &&
        slot_in(field.value, n) ==> fields_in(h, n); */
static void append(struct http_head *h, struct http_field field)
{
    AT(h->fields, h->fields_n) = field;
    h->fields_n++;
}

/*@ requires parsing(p) && readable(name) && name.n > 0 && known_in(p->head);
    requires fields_in(p->head, p->at);
    assigns p->head->refusal, p->head->fields_n, p->head->fields[0 .. HTTP_FIELDS_MAX - 1],
        p->head->known[0 .. HTTP_KNOWN_COUNT - 1];
    ensures \result == OK ==> known_in(p->head);
    ensures \forall integer n; \result == OK && \old(p->at) <= n && slot_in(field.name, n) &&
        slot_in(field.value, n) ==> fields_in(p->head, n); */
static enum err note_field(struct parse *p, struct view name, struct http_field field)
{
    struct http_head *h = p->head;
    if (h->fields_n == p->limits->fields || h->fields_n == HTTP_FIELDS_MAX)
        return refuse(p, 431);
    append(h, field);
    enum http_known which = known_of(name);
    if (which == HTTP_KNOWN_COUNT)
        return OK;
    if (AT(h->known, which) != 0)
        return only_once(which) ? refuse(p, 400) : OK;
    AT(h->known, which) = to_u8(h->fields_n);
    return OK;
}

/*@ assigns \nothing; */
static bool is_blank(u8 c)
{
    return c == ' ' || c == '\t';
}

/* What lies in bytes from `at` to `end`, without the blanks around it. */
/*@ requires readable(bytes) && at <= end <= bytes.n && bytes.n <= HTTP_HEAD_MAX; assigns \nothing;
    ensures slot_in(\result, end); */
static struct http_slot trimmed(struct view bytes, size_t at, size_t end)
{
    /*@ loop invariant at <= end; loop assigns at; loop variant end - at; */
    while (at < end && is_blank(view_at(bytes, at)))
        at++;
    /*@ loop invariant at <= end <= \at(end, Pre); loop assigns end; loop variant end - at; */
    while (end > at && is_blank(view_at(bytes, end - 1)))
        end--;
    return slot(at, end - at);
}

/* Behind the empty line. */
/*@ requires parsing(p) && known_in(p->head) && fields_in(p->head, p->at) && p->at + 2 <= p->head->bytes.n;
    assigns p->at, p->head->bytes;
    admit ensures parsing(p) && head_ok(p->head) && part(p->head->bytes, \old(p->head->bytes), 0, p->at); */
static void end_head(struct parse *p)
{
    p->at += 2;
    p->head->bytes = view_first(p->head->bytes, p->at);
}

/* The field whose name is the next n bytes and whose line ends at `end`. */
/*@ requires parsing(p) && known_in(p->head) && fields_in(p->head, p->at);
    requires 0 < n && p->at + n + 1 <= end && end + 2 <= p->head->bytes.n;
    assigns p->at, p->head->refusal, p->head->fields_n, p->head->fields[0 .. HTTP_FIELDS_MAX - 1],
        p->head->known[0 .. HTTP_KNOWN_COUNT - 1];
    ensures \result == OK ==> p->at == end + 2 && known_in(p->head) && fields_in(p->head, p->at); */
static enum err take_field(struct parse *p, size_t n, size_t end)
{
    struct view bytes = p->head->bytes;
    struct http_field field = {slot(p->at, n), trimmed(bytes, p->at + n + 1, end)};
    TRY(note_field(p, view_sub(bytes, p->at, n), field));
    p->at = end + 2;
    return OK;
}

/* field-name ":" OWS field-value OWS CRLF, until the empty line. */
/*@ requires parsing(p) && fresh(p->head);
    assigns p->at, p->head->bytes, p->head->refusal, p->head->fields_n,
        p->head->fields[0 .. HTTP_FIELDS_MAX - 1], p->head->known[0 .. HTTP_KNOWN_COUNT - 1];
    ensures \result == OK ==> parsing(p) && head_ok(p->head);
    ensures \result == OK ==> part(p->head->bytes, \old(p->head->bytes), 0, p->at); */
static enum err field_lines(struct parse *p)
{
    struct http_head *h = p->head;
    /*@ loop invariant parsing(p) && known_in(h) && fields_in(h, p->at);
        loop assigns p->at, h->refusal, h->fields_n, h->fields[0 .. HTTP_FIELDS_MAX - 1],
            h->known[0 .. HTTP_KNOWN_COUNT - 1];
        loop variant h->bytes.n - p->at; */
    for (;;) { /* Bound: each turn takes a line off the head. */
        struct view rest = view_from(h->bytes, p->at);
        if (rest.n == 0)
            return ask_more(p, 431);
        size_t n = run_of(rest, TOKEN);
        if (n == 0 && view_at(rest, 0) == '\r') {
            TRY(line_end(p, rest, 431));
            end_head(p);
            return OK;
        }
        if (n == rest.n)
            return ask_more(p, 431);
        if (n == 0 || view_at(rest, n) != ':')
            return refuse(p, 400);
        struct view tail = view_from(rest, n + 1);
        size_t value_n = view_find_control(tail);
        TRY(line_end(p, view_from(tail, value_n), 431));
        TRY(take_field(p, n, p->at + n + 1 + value_n));
    }
}

bool http_known(const struct http_head *h, enum http_known which, struct view *value)
{
    u8 number = AT(h->known, which);
    if (number == 0)
        return false;
    *value = http_slot_view(h, AT(h->fields, (size_t)number - 1).value);
    return true;
}

bool http_field(const struct http_head *h, struct view name, size_t nth, struct view *value)
{
    /*@ loop invariant 0 <= i <= h->fields_n && \at(nth, Pre) - nth <= i && nth <= \at(nth, Pre);
        loop assigns i, nth; loop variant h->fields_n - i; */
    for (size_t i = 0; i < h->fields_n; i++) {
        struct http_field f = AT(h->fields, i);
        if (!view_eq_nocase(http_slot_view(h, f.name), name))
            continue;
        if (nth == 0) {
            *value = http_slot_view(h, f.value);
            return true;
        }
        nth--;
    }
    return false;
}

/* ---- what the fields mean for the message's end ----------------------------------- */

/* Looks through every Connection field for its options (RFC 9110 §7.6.1). */
/*@ requires \valid(h) && head_ok(h) && \valid(close) && \valid(keep_alive);
    requires \separated(h, close, keep_alive); assigns *close, *keep_alive; */
static void connection_options(struct http_head *h, bool *close, bool *keep_alive)
{
    struct view list;
    *close = *keep_alive = false;
    if (AT(h->known, HTTP_CONNECTION) == 0)
        return;
    /*@ loop invariant nth <= h->fields_n;
        loop assigns nth, list, *close, *keep_alive; loop variant h->fields_n - nth; */
    for (size_t nth = 0; http_field(h, VIEW("connection"), nth, &list); nth++) {
        /*@ loop invariant readable(list); loop assigns list, *close, *keep_alive; loop variant list.n; */
        while (list.n > 0) {
            struct view option = view_trim(view_cut(list, ',', &list));
            *close |= view_eq_nocase(option, VIEW("close"));
            *keep_alive |= view_eq_nocase(option, VIEW("keep-alive"));
        }
    }
}

/* RFC 9112 §6.1 to §6.3, without its leniencies. */
/*@ requires parsing(p) && head_ok(p->head);
    assigns p->head->refusal, p->head->framing, p->head->content_length;
    ensures parsing(p) && head_ok(p->head); */
static enum err body_framing(struct parse *p)
{
    struct http_head *h = p->head;
    struct view length, coding, after = VIEW_NONE;
    bool has_length = http_known(h, HTTP_CONTENT_LENGTH, &length);
    if (http_known(h, HTTP_TRANSFER_ENCODING, &coding)) {
        if (has_length || h->minor == 0)
            return refuse(p, 400);
        if (!view_eq_nocase(coding, VIEW("chunked"))) {
            struct view rest = coding;
            /*@ loop invariant readable(rest) && readable(after); loop assigns rest, after;
                loop variant rest.n; */
            while (rest.n > 0)
                after = view_trim(view_cut(rest, ',', &rest));
            return refuse(p, view_eq_nocase(after, VIEW("chunked")) ? 501 : 400);
        }
        h->framing = HTTP_CHUNKED;
        return OK;
    }
    if (has_length) {
        enum err e = view_to_u64(length, &h->content_length);
        if (e != OK)
            return refuse(p, e == ERR_RANGE ? 413 : 400);
        h->framing = h->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
    }
    return OK;
}

/*@ requires \valid(h) && head_ok(h) && \separated(h, h->bytes.p + (0 .. h->bytes.n - 1));
    assigns h->keep_alive;
    ensures head_ok(h); */
static void persistence(struct http_head *h)
{
    bool close, keep_alive;
    connection_options(h, &close, &keep_alive);
    h->keep_alive = !close && (h->minor > 0 || keep_alive);
}

/* Everything but the bytes and the fields, which are written before they are read. */
/*@ requires \valid(p) && \valid(head);
    assigns *p, *head;
    ensures p->head == head && p->limits == limits && p->at == 0 && same(head->bytes, v);
    ensures fresh(head); */
static void start(struct parse *p, struct http_head *head, struct view v, const struct http_limits *limits)
{
    fill(span_first(SPAN_OF(*head), offsetof(struct http_head, fields)), 0);
    head->bytes = v;
    *p = (struct parse){.head = head, .limits = limits};
}

/*@ requires parsing(p) && head_ok(p->head); assigns p->head->refusal, p->head->host;
    ensures parsing(p) && head_ok(p->head); */
static enum err host_field(struct parse *p)
{
    struct http_head *h = p->head;
    struct view host;
    if (!http_known(h, HTTP_HOST, &host))
        return h->minor > 0 ? refuse(p, 400) : OK;
    if (!good_authority(host))
        return refuse(p, 400);
    if (h->host.n == 0)
        h->host = AT(h->fields, (size_t)AT(h->known, HTTP_HOST) - 1).value;
    return OK;
}

/* What the fields say of a request, once all are there. */
/*@ requires parsing(p) && head_ok(p->head);
    assigns p->head->refusal, p->head->host, p->head->framing, p->head->content_length, p->head->keep_alive,
        p->head->expect_continue;
    ensures \result == OK ==> head_ok(p->head); */
static enum err request_meaning(struct parse *p)
{
    struct http_head *h = p->head;
    struct view expect;
    TRY(host_field(p));
    TRY(body_framing(p));
    persistence(h);
    if (!http_known(h, HTTP_EXPECT, &expect) || h->minor == 0)
        return OK;
    if (!view_eq_nocase(expect, VIEW("100-continue")))
        return refuse(p, 417);
    h->expect_continue = h->framing != HTTP_NO_BODY;
    return OK;
}

enum err http_parse_request(struct http_head *head, struct view v, const struct http_limits *limits)
{
    struct parse parse, *p = &parse;
    must(limits->head_bytes <= HTTP_HEAD_MAX);
    start(p, head, view_first(v, MIN(v.n, (size_t)limits->head_bytes)), limits);
    if (v.n >= 1 && view_at(v, 0) == '\r') { /* one empty line before it is harmless: RFC 9112 §2.2 */
        TRY(line_end(p, head->bytes, 431));
        p->at = 2;
    }
    TRY(request_line(p));
    TRY(field_lines(p));
    return request_meaning(p);
}

/* HTTP-version SP status-code SP [ reason-phrase ] CRLF */
/*@ requires parsing(p) && p->at == 0 && fresh(p->head);
    assigns p->at, p->head->refusal, p->head->minor, p->head->status, p->head->reason;
    admit ensures parsing(p) && fresh(p->head); */
static enum err status_line(struct parse *p)
{
    struct http_head *h = p->head;
    TRY(http_version(p, h->bytes, 431));
    struct view rest = view_from(h->bytes, 8);
    if (rest.n < 5)
        return ask_more(p, 431);
    u64 status;
    if (view_at(rest, 0) != ' ' || view_at(rest, 4) != ' ' ||
        view_to_u64(view_sub(rest, 1, 3), &status) != OK || status < 100 || status > 599)
        return refuse(p, 400);
    h->status = to_u16(status);
    rest = view_from(rest, 5);
    size_t n = view_find_control(rest);
    h->reason = slot(13, n);
    TRY(line_end(p, view_from(rest, n), 431));
    p->at = 13 + n + 2;
    return OK;
}

enum err http_parse_response(struct http_head *head, struct view v, enum http_method method,
                             const struct http_limits *limits)
{
    struct parse parse, *p = &parse;
    must(limits->head_bytes <= HTTP_HEAD_MAX);
    start(p, head, view_first(v, MIN(v.n, (size_t)limits->head_bytes)), limits);
    head->method = method;
    TRY(status_line(p));
    TRY(field_lines(p));
    TRY(body_framing(p));
    persistence(head);
    bool never = method == HTTP_HEAD || head->status < 200 || head->status == 204 || head->status == 304;
    if (never) {
        head->framing = HTTP_NO_BODY;
    } else if (AT(head->known, HTTP_CONTENT_LENGTH) == 0 && head->framing != HTTP_CHUNKED) {
        head->framing = HTTP_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    return OK;
}

void http_head_move(struct http_head *to, const struct http_head *from, struct view bytes)
{
    must(bytes.n == from->bytes.n);
    size_t n = offsetof(struct http_head, fields) + from->fields_n * sizeof from->fields[0];
    copy(span_first(SPAN_OF(*to), n), view_first(VIEW_OF(*from), n));
    to->bytes = bytes;
}

/* ---- status codes ------------------------------------------------------------------ */

struct reason {
    u16 status;
    const char *text;
};

/* RFC 9110 §15, RFC 6585. */
static const struct reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

struct view http_reason(u16 status)
{
    /*@ loop invariant 0 <= i <= 41; loop assigns i; loop variant 41 - i; */
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (AT(reasons, i).status == status)
            return view_z(AT(reasons, i).text);
    return VIEW_NONE;
}
