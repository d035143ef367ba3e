/* Internet addresses. An IPv4 address is kept in its IPv4-mapped IPv6 form
 * (RFC 4291 §2.5.5.2), so one type serves both and has one hash and one order. */
#ifndef SIG_ADDR_H
#define SIG_ADDR_H

#include "base/codec.h"

struct ip_addr {
    u8 b[16]; /* network order; all zero: unspecified */
};

struct endpoint {
    struct ip_addr ip;
    u16 port;
};

static inline struct ip_addr ip4(u32 host_order)
{
    struct ip_addr a = {.b = {[10] = 0xff, [11] = 0xff}};
    store_be32(SPAN_OF(a.b), 12, host_order);
    return a;
}

static inline bool ip_is4(struct ip_addr a)
{
    return load_be64(VIEW_OF(a.b), 0) == 0 && load_be32(VIEW_OF(a.b), 8) == 0xffff;
}

/* The IPv4 address in host order; only for one that ip_is4. */
static inline u32 ip_to4(struct ip_addr a)
{
    return load_be32(VIEW_OF(a.b), 12);
}

static inline bool ip_eq(struct ip_addr a, struct ip_addr b)
{
    return load_be64(VIEW_OF(a.b), 0) == load_be64(VIEW_OF(b.b), 0) &&
           load_be64(VIEW_OF(a.b), 8) == load_be64(VIEW_OF(b.b), 8);
}

static inline bool endpoint_eq(struct endpoint a, struct endpoint b)
{
    return a.port == b.port && ip_eq(a.ip, b.ip);
}

#endif
