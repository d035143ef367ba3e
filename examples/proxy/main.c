/* proxy: hands requests on to one other server and its answers back, over connections
 * that it keeps: lib/http on both sides, and bodies in little memory. */
#include "base/num.h"
#include "fiber/appliance.h"
#include "fiber/loop.h"
#include "lib/http/client.h"
#include "lib/http/http.h"
#include "net/stack.h"

APPLIANCE(.name = "proxy", .about = "hands HTTP requests on to another server", .mem_kib = 4096,
          .mem_min_kib = 2048, .stack_kib = 24, .fibers = 24, .connections = 256);
DEVICE(service, DEVICE_NET, .rx_kib = 256);
KEY(port, KEY_NUMBER, "80", "TCP port to listen on", .min = 1, .max = 65535);
KEY(to, KEY_IP, "192.0.2.1", "address of the other server");
KEY(to_port, KEY_NUMBER, "80", "and its port", .min = 1, .max = 65535);

struct proxy {
    struct http_client client;
    struct endpoint to;
};

/* A request's body as it comes in, for the client to send. */
struct upload {
    struct http_request *rq;
    u8 room[2048];
};

static enum err next_piece(void *arg, struct view *piece)
{
    struct upload *up = arg;
    return http_read(up->rq, SPAN_OF(up->room), piece);
}

/* Of the answer's fields, those that describe its body. */
static enum err copy_fields(struct http_response *rs, const struct http_head *from)
{
    static const char *const names[] = {"Content-Type", "Content-Encoding", "ETag",     "Last-Modified",
                                        "Vary",         "Cache-Control",    "Location", "Set-Cookie"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct view value;
        for (size_t nth = 0; http_field(from, view_z(AT(names, i)), nth, &value); nth++)
            TRY(http_set(rs, AT(names, i), value));
    }
    return OK;
}

static enum err send_answer(struct http_response *rs, struct http_answer *answer)
{
    u8 room[2048];
    http_status(rs, answer->head.status);
    TRY(copy_fields(rs, &answer->head));
    if (answer->head.content_length > 0)
        TRY(http_begin(rs, answer->head.content_length));
    for (;;) {
        struct view data;
        enum err e = http_client_read(answer, SPAN_OF(room), &data, loop_now() + 20 * NS_PER_S);
        if (e != OK)
            return e == ERR_EOF ? OK : e;
        TRY(http_write(rs, data));
    }
}

static enum err forward(struct http_request *rq, struct http_response *rs)
{
    struct proxy *proxy = rq->context;
    struct upload up = {.rq = rq};
    struct http_answer answer;
    struct http_ask ask = {
        .method = rq->head->method,
        .host = http_slot_view(rq->head, rq->head->host),
        .target = http_slot_view(rq->head, rq->head->target),
        .next = rq->head->framing == HTTP_NO_BODY ? NULL : next_piece,
        .next_arg = &up,
    };
    enum err e =
        http_client_ask(&proxy->client, proxy->to, &ask, rq->arena, &answer, loop_now() + 20 * NS_PER_S);
    if (e != OK)
        return http_error(rs, e == ERR_TIMEOUT ? 504 : 502);
    e = send_answer(rs, &answer);
    http_client_done(&answer);
    return e;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct proxy *proxy = NEW(boot_arena(), struct proxy);
    struct http_server *server;
    struct stack *net;
    struct listener *listener;
    u32 address;
    if (!proxy)
        return ERR_NO_MEMORY;
    const struct http_route routes[] = {
        {HTTP_GET, "/*", forward, proxy},
        {HTTP_POST, "/*", forward, proxy},
        {HTTP_PUT, "/*", forward, proxy},
        {HTTP_DELETE, "/*", forward, proxy},
    };
    TRY(http_server_new(&server, boot_arena(), &(struct http_config){.routes = HTTP_ROUTES(routes)}));
    TRY(view_to_ip4(key_text("to"), &address));
    TRY(net_start(&net, 0, FOREVER));
    proxy->to = (struct endpoint){ip4(address), to_u16(key_number("to_port"))};
    http_client_init(&proxy->client, tcp_dialer(net));
    TRY(tcp_listen(net, to_u16(key_number("port")), 64, &listener));
    return http_serve(server, listener);
}
