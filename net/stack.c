#include "net/stack.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/eth.h"

enum { KEPT_MIN_BYTES = 16 << 10, KEPT_SHARE = 16 };

/* ---- a source of the loop ---- */

static struct stack *stack_of(struct loop_source *source)
{
    return CONTAINER(source, struct stack, source);
}

static bool take(struct loop_source *source, u64 now)
{
    return link_take(stack_of(source), now);
}

static void settle(struct loop_source *source)
{
    struct stack *s = stack_of(source);
    tcp_settle(s);
    udp_settle(s);
    reassembly_settle(s);
}

/* The device is asked again each turn: it may have room by now. */
static bool send(struct loop_source *source, u64 now)
{
    struct stack *s = stack_of(source);
    s->tx.full = false;
    tcp_output(s, now);
    link_flush(s);
    return s->tx.full;
}

/* ---- its life ---- */

static u32 mask_of(u8 prefix)
{
    return (u32)(UINT64_C(0xffffffff00000000) >> prefix & 0xffffffff);
}

/* A host's own address: neither special nor its network's first or last. */
static bool is_host(u32 ip, u32 mask)
{
    bool special = ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14;
    bool edge = (ip & ~mask) == 0 || (ip & ~mask) == ~mask;
    return !special && (!edge || ~mask <= 1);
}

/* A gateway is another host of our network; with a prefix of 32 it is on the link all the same. */
static bool address_is_sane(const struct stack_config *c)
{
    if (c->prefix < 1 || c->prefix > 32)
        return false;
    u32 mask = mask_of(c->prefix);
    bool near = c->prefix == 32 || ((c->gateway ^ c->ip) & mask) == 0;
    return is_host(c->ip, mask) &&
           (!c->gateway || (near && c->gateway != c->ip && is_host(c->gateway, mask)));
}

static bool config_is_sane(const struct net_dev *dev, const struct stack_config *c)
{
    if (dev->mtu < 576 || dev->mtu > 9000 || dev->index >= 63 || c->hostname.n > DHCP_HOSTNAME_MAX)
        return false;
    return c->dhcp || address_is_sane(c);
}

static enum err init_parts(struct stack *s, struct arena *a)
{
    size_t kept = MAX(s->config.buffer_bytes / KEPT_SHARE, (size_t)KEPT_MIN_BYTES);
    TRY(blocks_init(&s->blocks, a, kept));
    TRY(arp_init(s, a));
    udp_init(s, a);
    path_init(s);
    reassembly_init(s);
    return tcp_init(s, a, &s->config);
}

/* One call to the host: a start is short. */
static void take_entropy(struct stack *s)
{
    struct {
        struct hash_key key;
        u64 ids_key, seed;
    } e = {0};
    entropy_fill(SPAN_OF(e));
    s->key = e.key;
    s->ids_key = e.ids_key;
    random_seed(&s->random, e.seed);
    for (size_t i = 0; i < COUNT(s->ids); i++)
        AT(s->ids, i) = (u16)(random_u64(&s->random) >> 48);
}

enum err stack_new(struct stack **out, struct arena *a, struct net_dev *dev,
                   const struct stack_config *config)
{
    if (!config_is_sane(dev, config))
        return ERR_INVALID;
    struct stack *s = NEW(a, struct stack);
    if (!s)
        return ERR_NO_MEMORY;
    s->dev = dev;
    s->config = *config;
    s->mac = eth_mac(VIEW_OF(dev->mac));
    s->epoch = 1;
    take_entropy(s);
    TRY(init_parts(s, a));
    s->source =
        (struct loop_source){.bit = (u64)1 << dev->index, .take = take, .settle = settle, .send = send};
    loop_add(&s->source);
    if (config->dhcp)
        dhcp_start(s, clock_mono_ns());
    else
        stack_set_address(s, config->ip, config->prefix, config->gateway, clock_mono_ns());
    *out = s;
    return OK;
}

void stack_set_address(struct stack *s, u32 ip, u8 prefix, u32 gateway, u64 now)
{
    if (s->ip && ip != s->ip) {
        tcp_close_all(s, now);
        acd_stop(s);
        arp_forget(s);
    }
    bool same = ip == s->ip;
    s->ip = ip;
    s->config.prefix = prefix;
    s->mask = ip ? mask_of(prefix) : 0;
    s->gateway = gateway;
    stack_changed(s);
    if (ip && !same) {
        acd_start(s, now);
        if (gateway)
            arp_prepare(s, gateway, now);
        waiters_wake_all(&s->up);
    }
}

enum err stack_wait_up(struct stack *s, u64 deadline)
{
    while (!s->ip)
        TRY(waiters_wait(&s->up, deadline));
    return s->acd.conflict ? ERR_EXISTS : OK;
}

void stack_close(struct stack *s)
{
    u64 now = clock_mono_ns();
    dhcp_release(s, now);
    if (s->ip)
        stack_set_address(s, 0, 0, 0, now);
    udp_close_all(s);
    timer_stop(&s->paths.timer);
    timer_stop(&s->reassembly.timer);
    link_flush(s);
    loop_remove(&s->source);
}

/* ---- what others ask it ---- */

struct ip_addr stack_ip(const struct stack *s)
{
    return s->ip ? ip4(s->ip) : (struct ip_addr){0};
}

struct stack_stats stack_stats(const struct stack *s)
{
    struct stack_stats out = s->stats;
    tcp_stats(s, &out);
    return out;
}

struct tcp *stack_tcp(const struct stack *s)
{
    return s->tcp;
}

void stack_set_tcp(struct stack *s, struct tcp *t)
{
    s->tcp = t;
}

struct net_dev *stack_dev(const struct stack *s)
{
    return s->dev;
}
