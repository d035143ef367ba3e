/* A web server for the files of a bundle: `pith run web ./site`. */
#include "appliance/web/site.h"
#include "base/fmt.h"
#include "base/num.h"
#include "fiber/appliance.h"
#include "lib/http/log.h"
#include "net/stack.h"

APPLIANCE(.name = "web", .about = "serves a directory of files over HTTP", .flags = MANIFEST_BUNDLE,
          .mem_kib = 4096, .mem_min_kib = 2304, .stack_kib = 16, .fibers = 24, .connections = 1072);

DEVICE(service, DEVICE_NET, .rx_kib = 256);
KEY(port, KEY_NUMBER, "80", "TCP port to listen on", .min = 1, .max = 65535);
KEY(cache, KEY_DURATION, "0s", "how long clients may use a file without asking again", .max = 31536000000);
KEY(log, KEY_TEXT, "none", "access log on the console: none, common or json");
KEY(secure, KEY_FLAG, "true", "send X-Content-Type-Options and Referrer-Policy");
KEY(csp, KEY_TEXT, "", "Content-Security-Policy to send with every response");
KEY(grace, KEY_DURATION, "10s", "how long requests in flight may take when it is stopped", .max = 600000);

enum {
    FIELDS_BYTES = 2200, /* a policy of 2,000 bytes, and the fields around it */
    WORKERS = 16,
    BACKLOG = 256,
    SPARE = 16, /* one TCP connection in so many is for newcomers while others make room for them */
};

static enum err cache_field(struct arena *a, struct view *out)
{
    struct writer w = writer_of(arena_alloc(a, 64, 1));
    u64 seconds = key_duration_ns("cache") / NS_PER_S;
    put_text(&w, seconds > 0 ? "Cache-Control: max-age=" : "Cache-Control: no-cache");
    if (seconds > 0)
        put_dec(&w, seconds);
    put_text(&w, "\r\n");
    *out = written(&w);
    return w.full ? ERR_NO_MEMORY : OK;
}

static enum err security_fields(struct arena *a, struct view *out)
{
    struct writer w = writer_of(arena_alloc(a, FIELDS_BYTES, 1));
    struct view csp = key_text("csp");
    if (!http_is_field_value(csp)) {
        say("web: --csp holds a control character or a blank at its end");
        return ERR_INVALID;
    }
    if (key_flag("secure"))
        put_text(&w,
                 "X-Content-Type-Options: nosniff\r\nReferrer-Policy: strict-origin-when-cross-origin\r\n");
    if (csp.n > 0) {
        put_text(&w, "Content-Security-Policy: ");
        put_bytes(&w, csp);
        put_text(&w, "\r\n");
    }
    *out = written(&w);
    if (w.full)
        say("web: --csp is too long: there are 2,000 bytes for it at the most");
    return w.full ? ERR_TOO_BIG : OK;
}

static enum err open_log(struct arena *a, struct http_config *config)
{
    struct view format = key_text("log");
    if (view_eq(format, VIEW("none")))
        return OK;
    struct http_access_log *log = NEW(a, struct http_access_log);
    if (!log)
        return ERR_NO_MEMORY;
    config->log = http_access_log;
    config->log_arg = log;
    enum err e = http_access_log_init(log, a, format);
    if (e == ERR_INVALID)
        say("web: --log is none, common or json");
    return e;
}

static enum err serve(const struct http_config *config, struct arena *a)
{
    struct stack *net;
    struct listener *listener;
    struct http_server *server;
    TRY(http_server_new(&server, a, config)); /* before the stack, which takes most of the rest */
    TRY(net_start(&net, 0, FOREVER));
    TRY(tcp_listen(net, to_u16(key_number("port")), BACKLOG, &listener));
    enum err e = http_serve(server, listener);
    if (config->log)
        http_access_log_flush(config->log_arg);
    stack_close(net);
    return e;
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct arena *a = boot_arena();
    struct site *site = NEW(a, struct site);
    if (!site)
        return ERR_NO_MEMORY;
    enum err e = bundle_open(&site->bundle, boot_bundle());
    if (e != OK) {
        say_err("web: the bundle cannot be read", e);
        return e;
    }
    const struct http_route routes[] = {{HTTP_GET, "/*", site_serve, .context = site, .quick = true}};
    struct http_config config = {
        .routes = HTTP_ROUTES(routes),
        .connections = boot_connections() - boot_connections() / SPARE,
        .workers = WORKERS,
        .stop_timeout_ns = key_duration_ns("grace"),
    };
    TRY(cache_field(a, &site->fields));
    TRY(security_fields(a, &config.fields));
    TRY(open_log(a, &config));
    return serve(&config, a);
}
