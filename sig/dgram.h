/* Datagrams: UDP, or a link of the simulator. The receiver reads in place. */
#ifndef SIG_DGRAM_H
#define SIG_DGRAM_H

#include "base/time.h"
#include "sig/addr.h"

struct dgram {
    const struct dgram_ops *ops;
};

/* A received datagram: valid until the receiving fiber next blocks. */
struct dgram_in {
    struct endpoint from, to;
    struct view data;
};

struct dgram_ops {
    enum err (*recv)(struct dgram *, struct dgram_in *out, u64 deadline);
    enum err (*send)(struct dgram *, struct endpoint to, struct view data);
    void (*close)(struct dgram *);
};

/* (blocks) The next datagram. */
static inline enum err dgram_recv(struct dgram *d, struct dgram_in *out, u64 deadline)
{
    return d->ops->recv(d, out, deadline);
}

/* Copies and sends; never blocks. A datagram may be lost, as on any network.
 * ERR_UNREACHABLE, ERR_TOO_BIG, ERR_LIMIT. */
static inline enum err dgram_send(struct dgram *d, struct endpoint to, struct view data)
{
    return d->ops->send(d, to, data);
}

static inline void dgram_close(struct dgram *d)
{
    d->ops->close(d);
}

#endif
