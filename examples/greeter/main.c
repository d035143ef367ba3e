/* greeter: a small web service. Handlers are written as if they were alone: each
 * request runs in a fiber of its own, with memory of its own (lib/http/http.h). */
#include "fiber/appliance.h"
#include "lib/http/http.h"
#include "net/stack.h"

APPLIANCE(.name = "greeter", .about = "a small web service", .mem_kib = 4096, .mem_min_kib = 2048,
          .stack_kib = 16, .fibers = 24, .connections = 256);
DEVICE(service, DEVICE_NET, .rx_kib = 256);
KEY(port, KEY_NUMBER, "80", "TCP port to listen on", .min = 1, .max = 65535);
KEY(greeting, KEY_TEXT, "hello", "how to greet");

static enum err front(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    struct view page = VIEW("<!doctype html><title>greeter</title>\n"
                            "<p><a href=\"/hello/world\">/hello/world</a> greets you.\n"
                            "<p>POST /echo sends back what it gets.\n");
    return http_send(rs, "text/html; charset=utf-8", page, STREAM_STATIC);
}

static enum err hello(struct http_request *rq, struct http_response *rs)
{
    TRY(http_set(rs, "Content-Type", VIEW("text/plain; charset=utf-8")));
    TRY(http_write(rs, key_text("greeting")));
    TRY(http_text(rs, ", "));
    TRY(http_write(rs, http_param(rq, "name")));
    return http_text(rs, "!\n");
}

/* Any amount of data in little memory: it goes out as it comes in. */
static enum err echo(struct http_request *rq, struct http_response *rs)
{
    u8 room[4096];
    for (;;) {
        struct view data;
        enum err e = http_read(rq, SPAN_OF(room), &data);
        if (e != OK)
            return e == ERR_EOF ? OK : e;
        TRY(http_write(rs, data));
    }
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", front},
    {HTTP_GET, "/hello/:name", hello},
    {HTTP_POST, "/echo", echo},
};

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct http_server *server;
    struct stack *net;
    struct listener *listener;
    TRY(http_server_new(&server, boot_arena(), &(struct http_config){.routes = HTTP_ROUTES(routes)}));
    TRY(net_start(&net, 0, FOREVER));
    TRY(tcp_listen(net, (u16)key_number("port"), 64, &listener));
    return http_serve(server, listener);
}
