/* HTTP heads, requests and responses. An accepted head has no byte that another
 * parser could take for a line's end, no shape of request smuggling, and parses the
 * same when it is followed by other bytes or moved; no part of it is a whole head. */
#include "test/fuzz/fuzz.h"
#include "wire/http.h"

static const struct http_limits limits = {.head_bytes = 4096, .target_bytes = 1024, .fields = 50};

/* The number of fields with this name. */
static size_t count_fields(const struct http_head *h, struct view name)
{
    struct view value;
    size_t n = 0;
    while (http_field(h, name, n, &value))
        n++;
    return n;
}

static void check_lines(struct view head)
{
    must(view_ends(head, VIEW("\r\n\r\n")));
    for (size_t i = 0; i < head.n; i++) {
        u8 c = view_at(head, i);
        must(c != 0);
        must(c != '\r' || view_at(head, i + 1) == '\n');
        must(c != '\n' || view_at(head, i - 1) == '\r');
    }
}

static void check_head(const struct http_head *h, struct view in)
{
    must(view_inside(h->bytes, in) && h->bytes.p == in.p && h->bytes.n <= limits.head_bytes);
    must(h->fields_n <= limits.fields);
    check_lines(h->bytes);
    for (size_t i = 0; i < h->fields_n; i++) {
        struct http_field f = AT(h->fields, i);
        must(http_is_token(http_slot_view(h, f.name)));
        must(http_is_field_value(http_slot_view(h, f.value)));
    }
    size_t codings = count_fields(h, VIEW("transfer-encoding"));
    must(h->framing != HTTP_CHUNKED || codings == 1);
    must(codings == 0 || count_fields(h, VIEW("content-length")) == 0);
}

static void check_moved(const struct http_head *h)
{
    static u8 room[8192];
    static struct http_head moved;
    struct span to = span_first(SPAN_OF(room), h->bytes.n);
    copy(to, h->bytes);
    http_head_move(&moved, h, view_of(to));
    must(moved.fields_n == h->fields_n && moved.framing == h->framing);
    for (size_t i = 0; i < h->fields_n; i++)
        must(view_eq(http_slot_view(h, AT(h->fields, i).value),
                     http_slot_view(&moved, AT(moved.fields, i).value)));
    must(view_eq(http_slot_view(h, h->target), http_slot_view(&moved, moved.target)));
}

static void check_request(struct view in)
{
    static struct http_head head, again;
    enum err e = http_parse_request(&head, in, &limits);
    if (e == ERR_EOF)
        return;
    if (e != OK) {
        must(head.refusal >= 400 && head.refusal <= 599);
        return;
    }
    check_head(&head, in);
    check_moved(&head);
    must(http_slot_view(&head, head.target).n <= limits.target_bytes);
    must(head.framing != HTTP_UNTIL_CLOSE);
    size_t hosts = count_fields(&head, VIEW("host"));
    must(hosts <= 1 && (head.minor == 0 || hosts == 1));
    must(http_parse_request(&again, head.bytes, &limits) == OK && again.bytes.n == head.bytes.n);
    must(http_parse_request(&again, view_first(head.bytes, head.bytes.n - 1), &limits) == ERR_EOF);
    must(http_parse_request(&again, view_first(head.bytes, head.bytes.n / 2), &limits) == ERR_EOF);
}

static void check_response(struct view in)
{
    static struct http_head head;
    if (http_parse_response(&head, in, HTTP_GET, &limits) != OK)
        return;
    check_head(&head, in);
    must(head.status >= 100 && head.status <= 999);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    check_request((struct view){data, n});
    check_response((struct view){data, n});
    return 0;
}
