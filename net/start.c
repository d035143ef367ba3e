#include "base/fmt.h"
#include "base/num.h"
#include "fiber/appliance.h"
#include "net/internal.h"

KEY(ip, KEY_CIDR, "dhcp", "address of the appliance with its network's prefix, or dhcp");
KEY(gateway, KEY_IP, "", "router to other networks, where the address does not come by dhcp");
KEY(hostname, KEY_TEXT, "", "name to tell the DHCP server");

#define PATIENCE_NS (5 * NS_PER_S)
#define STOP_STEP_NS (100 * NS_PER_MS)

/* How the memory that is left at the start is shared out: what a connection costs
 * besides its buffers, what those get of the rest, and what one of them may have. */
enum {
    CONNECTION_BYTES = 1024,
    BUFFER_PERCENT = 90,
    BUFFER_MIN_BYTES = 64 << 10,
    SEND_MAX_BYTES = 4 << 20,
    RECEIVE_MAX_BYTES = 1 << 20,
    UDP_PORTS = 16,
};

static enum err read_address(struct stack_config *c)
{
    struct view text = key_text("ip"), gateway = key_text("gateway"), prefix;
    u64 n;
    c->dhcp = view_eq(text, VIEW("dhcp"));
    if (c->dhcp)
        return OK;
    TRY(view_to_ip4(view_cut(text, '/', &prefix), &c->ip));
    TRY(view_to_u64(prefix, &n));
    if (n < 1 || n > 32)
        return ERR_RANGE;
    c->prefix = (u8)n;
    return gateway.n > 0 ? view_to_ip4(gateway, &c->gateway) : OK;
}

static void share_memory(struct stack_config *c, const struct net_dev *dev)
{
    const struct arena *a = boot_arena();
    c->connections = MAX(boot_connections(), (u32)1);
    size_t fixed = sizeof(struct stack) + (size_t)c->connections * CONNECTION_BYTES;
    size_t left = sat_sub(a->mem.n - a->used, fixed);
    c->udp_ports = UDP_PORTS;
    c->buffer_bytes = MAX(left / 100 * BUFFER_PERCENT, (size_t)BUFFER_MIN_BYTES);
    c->send_max_bytes = (u32)MIN(c->buffer_bytes, (size_t)SEND_MAX_BYTES);
    c->receive_max_bytes = (u32)MIN(c->buffer_bytes / 2, (size_t)RECEIVE_MAX_BYTES);
    if (dev->queue_bytes > 0) /* a window that the device cannot queue invites losses */
        c->receive_max_bytes = MIN(c->receive_max_bytes, MAX(dev->queue_bytes / 2, (u32)BUFFER_MIN_BYTES));
}

static void announce(const struct stack *s)
{
    u8 line[96];
    struct writer w = writer_of(SPAN_OF(line));
    put_text(&w, "net: ");
    put_ip4(&w, s->ip);
    put_text(&w, "/");
    put_dec(&w, s->config.prefix);
    if (s->gateway) {
        put_text(&w, ", gateway ");
        put_ip4(&w, s->gateway);
    }
    put_text(&w, s->config.dhcp ? ", by dhcp\n" : "\n");
    console_write(written(&w));
}

/* In short steps, so that the user can stop what never comes up. One who forgot
 * --ip is told so, rather than left before a silent console. */
static enum err wait_up(struct stack *s, u64 deadline)
{
    u64 tell_at = sat_add(loop_now(), PATIENCE_NS);
    for (;;) {
        u64 step = MIN(sat_add(loop_now(), STOP_STEP_NS), deadline);
        enum err e = stack_wait_up(s, step);
        if (e != ERR_TIMEOUT || loop_now() >= deadline)
            return e;
        if (loop_stopping())
            return ERR_CANCELED;
        if (loop_now() >= tell_at) {
            say("net: no DHCP server answers; to choose an address: --ip ADDRESS/PREFIX --gateway ADDRESS");
            tell_at = FOREVER;
        }
    }
}

static enum err start(struct stack **out, u32 number, u64 deadline)
{
    struct stack_config c = {.hostname = key_text("hostname")};
    struct net_dev *dev = boot_net(number);
    if (!dev)
        return ERR_NOT_FOUND;
    TRY(read_address(&c));
    share_memory(&c, dev);
    enum err e = stack_new(out, boot_arena(), dev, &c);
    if (e == ERR_INVALID)
        say("net: --ip must be a host's address, and --gateway another one in its network");
    if (e != OK)
        return e;
    TRY(wait_up(*out, deadline));
    announce(*out);
    return OK;
}

enum err net_start(struct stack **out, u32 number, u64 deadline)
{
    enum err e = start(out, number, deadline);
    if (e != OK && e != ERR_CANCELED)
        say_err("net: cannot start", e);
    return e;
}
