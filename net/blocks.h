/* Bounded memory for what has to be kept past the burst it arrived in: queued
 * datagrams and fragments under reassembly. Contiguous runs of small blocks, so
 * that a datagram stays one view. First fit over at most a few hundred blocks. */
#ifndef NET_BLOCKS_H
#define NET_BLOCKS_H

#include "base/arena.h"

enum { BLOCK_BYTES = 512, BLOCKS_MAX = 384 };

struct blocks {
    struct span mem;
    u32 count, used;
    u8 taken[BLOCKS_MAX];
};

/* `bytes` are rounded down to whole blocks, at most BLOCKS_MAX. */
enum err blocks_init(struct blocks *b, struct arena *a, size_t bytes);

/* A run that holds n > 0 bytes; an empty span when there is none. */
struct span blocks_new(struct blocks *b, size_t n);

/* The same bytes in a run that holds n: the old one if that is long enough or can
 * grow in place, else a new one with its content. Empty: no room, and the old run stays. */
struct span blocks_grow(struct blocks *b, struct span run, size_t n);

/* Gives back a run, as blocks_new or blocks_grow gave it; an empty one: no-op. */
void blocks_free(struct blocks *b, struct span run);

#endif
