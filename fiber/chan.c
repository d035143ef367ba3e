#include "fiber/chan.h"

enum err chan_init(struct chan *c, struct arena *a, size_t capacity, size_t size)
{
    must(capacity > 0 && size > 0);
    u8 *mem = arena_array(a, capacity, size, 16);
    if (!mem)
        return ERR_NO_MEMORY;
    *c = (struct chan){.mem = {mem, capacity * size}, .size = size, .capacity = capacity};
    return OK;
}

static struct span place_of(const struct chan *c, size_t index)
{
    return span_sub(c->mem, index % c->capacity * c->size, c->size);
}

enum err chan_send(struct chan *c, struct view element, u64 deadline)
{
    must(element.n == c->size);
    while (!c->closed && c->count == c->capacity)
        TRY(waiters_wait(&c->writers, deadline));
    if (c->closed)
        return ERR_CLOSED;
    copy(place_of(c, c->first + c->count), element);
    c->count++;
    waiters_wake_one(&c->readers);
    return OK;
}

enum err chan_recv(struct chan *c, struct span element, u64 deadline)
{
    must(element.n == c->size);
    while (c->count == 0) {
        if (c->closed)
            return ERR_CLOSED;
        TRY(waiters_wait(&c->readers, deadline));
    }
    copy(element, view_of(place_of(c, c->first)));
    c->first = (c->first + 1) % c->capacity;
    c->count--;
    waiters_wake_one(&c->writers);
    return OK;
}

void chan_close(struct chan *c)
{
    c->closed = true;
    waiters_wake_all(&c->readers);
    waiters_wake_all(&c->writers);
}
