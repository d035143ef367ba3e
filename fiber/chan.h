/* Channels: a bounded queue of equal elements between fibers. The elements lie in
 * memory the creator gives; both ends may be shared by any number of fibers. */
#ifndef FIBER_CHAN_H
#define FIBER_CHAN_H

#include "base/arena.h"
#include "fiber/fiber.h"

struct chan {
    struct span mem;
    size_t size, capacity, first, count;
    struct waiters readers, writers;
    bool closed;
};

/* Room for `capacity` elements of `size` bytes. */
enum err chan_init(struct chan *c, struct arena *a, size_t capacity, size_t size);

/* (blocks) While full. ERR_CLOSED after chan_close. element.n == size. */
enum err chan_send(struct chan *c, struct view element, u64 deadline);

/* (blocks) While empty. ERR_CLOSED once closed and empty. */
enum err chan_recv(struct chan *c, struct span element, u64 deadline);

/* No more sends; what is in it can still be received. */
void chan_close(struct chan *c);

#endif
