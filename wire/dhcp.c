#include "wire/dhcp.h"

#include "base/num.h"
#include "wire/eth.h"

enum { ETHERNET = 1, COOKIE = 0x63825363, FLAG_BROADCAST = 0x8000, BOOTP_MIN = 300 };
enum { CHADDR_PAD = 10, SNAME = 64, FILE_ = 128 };

/* RFC 2132, by section 3 to 9. */
enum option {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_RESOLVERS = 6,
    OPTION_HOSTNAME = 12,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_WISHES = 55,
    OPTION_SIZE = 57,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_CLIENT = 61,
    OPTION_END = 255,
};

enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

/*@ requires readable(value) && \valid(out); assigns *out; */
static void take_u8(struct view value, u8 *out)
{
    if (value.n >= 1 && *out == 0)
        *out = view_at(value, 0);
}

/*@ requires readable(value) && \valid(out); assigns *out; */
static void take_u32(struct view value, u32 *out)
{
    if (value.n >= 4 && *out == 0)
        *out = load_be32(value, 0);
}

/*@ requires readable(value) && \valid(m) && \valid(overload) && \separated(m, overload);
    assigns *m, *overload; */
static void take_option(u8 code, struct view value, struct dhcp_message *m, u8 *overload)
{
    switch (code) {
    case OPTION_MASK:
        take_u32(value, &m->mask);
        return;
    case OPTION_ROUTER:
        take_u32(value, &m->router);
        return;
    case OPTION_RESOLVERS:
        take_u32(value, &AT(m->resolvers, 0));
        take_u32(view_from(value, MIN(value.n, (size_t)4)), &AT(m->resolvers, 1));
        return;
    case OPTION_HOSTNAME:
        m->hostname = m->hostname.n > 0 ? m->hostname : value;
        return;
    case OPTION_REQUESTED:
        take_u32(value, &m->requested);
        return;
    case OPTION_LEASE:
        take_u32(value, &m->lease_s);
        return;
    case OPTION_OVERLOAD:
        take_u8(value, overload);
        return;
    case OPTION_TYPE:
        take_u8(value, &m->type);
        return;
    case OPTION_SERVER:
        take_u32(value, &m->server);
        return;
    case OPTION_T1:
        take_u32(value, &m->t1_s);
        return;
    case OPTION_T2:
        take_u32(value, &m->t2_s);
        return;
    default:
        return;
    }
}

/* The code of the next option, and its value where it has one. */
/*@ requires \valid(r) && inside(*r) && !r->bad && r->rest.n > 0 && \valid(value) && \separated(r, value);
    requires readable(*value); assigns r->rest, r->bad, *value;
    ensures inside(*r) && readable(*value) && r->rest.n < \old(r->rest.n); */
static u8 next_option(struct reader *r, struct view *value)
{
    u8 code = get_u8(r);
    if (code != OPTION_PAD && code != OPTION_END)
        *value = get_bytes(r, get_u8(r));
    return code;
}

/* A field of options; the end mark may be missing where the field ends. */
/*@ requires \valid(from) && readable(field) && \valid(m) && \valid(overload);
    requires \separated(m, overload, from);
    assigns *m, *overload, from->bad; */
static void take_options(struct reader *from, struct view field, struct dhcp_message *m, u8 *overload)
{
    struct reader r = reader_of(field);
    /*@ loop invariant inside(r); loop assigns r, *m, *overload;
        loop variant r.rest.n; */
    while (r.rest.n > 0 && !r.bad) {
        struct view value = VIEW_NONE;
        u8 code = next_option(&r, &value);
        if (code == OPTION_END)
            break;
        if (!r.bad)
            take_option(code, value, m, overload);
    }
    from->bad = from->bad || r.bad;
}

/* The fields before chaddr; the answer is what hardware, and how long its addresses are. */
/*@ requires \valid(r) && inside(*r) && \valid(out) && \separated(r, out); assigns r->rest, r->bad, *out;
    ensures inside(*r); */
static u16 take_start(struct reader *r, struct dhcp_message *out)
{
    *out = (struct dhcp_message){.op = get_u8(r)};
    u16 hardware = get_be16(r);
    get_skip(r, 1);
    out->xid = get_be32(r);
    out->secs = get_be16(r);
    out->broadcast = (get_be16(r) & FLAG_BROADCAST) != 0;
    out->ciaddr = get_be32(r);
    out->yiaddr = get_be32(r);
    get_skip(r, 8);
    return hardware;
}

enum err dhcp_decode(struct view packet, struct dhcp_message *out)
{
    struct reader r = reader_of(packet);
    u16 hardware = take_start(&r, out);
    struct view chaddr = get_bytes(&r, 6);
    get_skip(&r, CHADDR_PAD);
    struct view sname = get_bytes(&r, SNAME), file = get_bytes(&r, FILE_);
    u32 cookie = get_be32(&r);
    if (r.bad)
        return ERR_MALFORMED;
    out->chaddr = eth_mac(chaddr);
    if (hardware != (ETHERNET << 8 | 6) || cookie != COOKIE)
        return ERR_UNSUPPORTED;
    u8 overload = 0, ignored = 0;
    take_options(&r, r.rest, out, &overload);
    if (overload & OVERLOAD_FILE)
        take_options(&r, file, out, &ignored);
    if (overload & OVERLOAD_SNAME)
        take_options(&r, sname, out, &ignored);
    if (r.bad)
        return ERR_MALFORMED;
    return out->type ? OK : ERR_UNSUPPORTED;
}

static void put_option_u32(struct writer *w, u8 code, u32 x)
{
    if (x == 0)
        return;
    put_u8(w, code);
    put_u8(w, 4);
    put_be32(w, x);
}

static void put_resolvers(struct writer *w, const struct dhcp_message *m)
{
    if (AT(m->resolvers, 0) == 0)
        return;
    put_u8(w, OPTION_RESOLVERS);
    put_u8(w, AT(m->resolvers, 1) ? 8 : 4);
    put_be32(w, AT(m->resolvers, 0));
    if (AT(m->resolvers, 1))
        put_be32(w, AT(m->resolvers, 1));
}

static void put_client(struct writer *w, const struct dhcp_message *m)
{
    static const u8 wishes[] = {OPTION_MASK,  OPTION_ROUTER, OPTION_RESOLVERS,
                                OPTION_LEASE, OPTION_T1,     OPTION_T2};
    put_u8(w, OPTION_CLIENT);
    put_u8(w, 7);
    put_u8(w, ETHERNET);
    eth_put_mac(w, m->chaddr);
    if (m->type != DHCP_DISCOVER && m->type != DHCP_REQUEST)
        return;
    put_u8(w, OPTION_WISHES);
    put_u8(w, sizeof wishes);
    put_bytes(w, VIEW_OF(wishes));
    put_u8(w, OPTION_SIZE);
    put_u8(w, 2);
    put_be16(w, DHCP_MESSAGE_MAX);
}

static void put_options(struct writer *w, const struct dhcp_message *m)
{
    put_u8(w, OPTION_TYPE);
    put_u8(w, 1);
    put_u8(w, m->type);
    put_option_u32(w, OPTION_REQUESTED, m->requested);
    put_option_u32(w, OPTION_SERVER, m->server);
    put_option_u32(w, OPTION_MASK, m->mask);
    put_option_u32(w, OPTION_ROUTER, m->router);
    put_resolvers(w, m);
    put_option_u32(w, OPTION_LEASE, m->lease_s);
    put_option_u32(w, OPTION_T1, m->t1_s);
    put_option_u32(w, OPTION_T2, m->t2_s);
    if (m->hostname.n > 0) {
        put_u8(w, OPTION_HOSTNAME);
        put_u8(w, to_u8(m->hostname.n));
        put_bytes(w, m->hostname);
    }
    if (m->op == DHCP_BOOTREQUEST)
        put_client(w, m);
    put_u8(w, OPTION_END);
}

void dhcp_encode(struct writer *w, const struct dhcp_message *m)
{
    size_t first = w->n;
    put_u8(w, m->op);
    put_be16(w, ETHERNET << 8 | 6);
    put_u8(w, 0);
    put_be32(w, m->xid);
    put_be16(w, m->secs);
    put_be16(w, m->broadcast ? FLAG_BROADCAST : 0);
    put_be32(w, m->ciaddr);
    put_be32(w, m->yiaddr);
    put_zeroes(w, 8);
    eth_put_mac(w, m->chaddr);
    put_zeroes(w, CHADDR_PAD + SNAME + FILE_);
    put_be32(w, COOKIE);
    put_options(w, m);
    /* Some servers and relays still insist on BOOTP's length. */
    if (!w->full && w->n - first < BOOTP_MIN)
        put_zeroes(w, BOOTP_MIN - (w->n - first));
}
