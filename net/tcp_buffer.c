#include "net/tcp.h"

/* ---- blocks ---- */

enum err tcp_buffers_init(struct tcp_buffers *b, struct arena *a, size_t bytes)
{
    size_t n = MAX(bytes / TCP_BLOCK_SIZE, (size_t)2 * TCP_BLOCKS_LEAST);
    *b = (struct tcp_buffers){.blocks = NEW_SLICE(a, tcp_blocks, n)};
    return b->blocks.p ? OK : ERR_NO_MEMORY;
}

static size_t available(const struct tcp_buffers *b)
{
    return b->blocks.n - b->used - b->reserved;
}

enum direction { SENDING, RECEIVING };

enum {
    CONNECTION_BLOCKS_MAX = 1 << 14
}; /* of one connection in one direction, well within its 16-bit counts */

static size_t held(const struct tcb *c, enum direction way)
{
    return way == SENDING ? c->snd_blocks : (size_t)c->rcv_blocks + c->ooo_blocks + c->reserved;
}

/* Free blocks less those that the other direction is sure of: a sixteenth of all, so
 * that requests get in while answers wait for their ACKs, and answers get out while
 * requests wait for their ends. */
static size_t left_for(const struct tcp_buffers *b, enum direction way)
{
    size_t receiving = b->used - b->sending + b->reserved;
    size_t other = way == SENDING ? receiving : b->sending;
    return (size_t)sat_sub(available(b), sat_sub(b->blocks.n / 16, other));
}

/* Blocks that the connection can take now, one after the other. As long as a quarter is
 * free it may hold as many as are (each that it takes is also one less, hence the half);
 * then a few; and the last eighth is for those that have none at all in this direction,
 * so that a thousand who are slow leave room for one who is quick. */
static size_t share(const struct tcb *c, enum direction way)
{
    const struct tcp_buffers *b = &c->tcp->buffers;
    size_t left = left_for(b, way), mine = held(c, way);
    if (mine >= CONNECTION_BLOCKS_MAX)
        return 0;
    size_t fair = MIN((sat_sub(left, mine) + 1) / 2, sat_sub(left, b->blocks.n / 4));
    size_t most = fair;
    if (unlikely(fair < TCP_BLOCKS_LEAST)) {
        size_t few = MIN(sat_sub(TCP_BLOCKS_LEAST, mine), sat_sub(left, b->blocks.n / 8));
        most = MAX(most, few);
        most = MAX(most, sat_sub(1, mine));
        most = MIN(most, left);
    }
    return MIN(most, CONNECTION_BLOCKS_MAX - mine);
}

u32 tcp_share_bytes(const struct tcb *c)
{
    return (u32)MIN(share(c, RECEIVING) * TCP_BLOCK_BYTES, (size_t)INT32_MAX);
}

static struct tcp_block *take(struct tcp_buffers *b)
{
    struct tcp_block *block = b->free;
    if (block)
        b->free = block->next;
    else
        block = tcp_blocks_at(b->blocks, b->untouched++);
    b->used++;
    b->peak = MAX(b->peak, b->used);
    block->next = NULL;
    block->seq = 0;
    block->from = block->to = 0;
    block->tail = VIEW_NONE;
    return block;
}

static bool made_to_fail(struct tcp_buffers *b)
{
    if (likely(b->fail_at == 0))
        return false;
    b->fail_at--;
    return b->fail_at == 0;
}

static struct tcp_block *block_for(struct tcb *c, enum direction way)
{
    struct tcp_buffers *b = &c->tcp->buffers;
    if (made_to_fail(b) || share(c, way) == 0)
        return NULL;
    return take(b);
}

struct tcp_block *tcp_block_new(struct tcb *c)
{
    return block_for(c, RECEIVING);
}

struct tcp_block *tcp_block_reserved(struct tcp *t)
{
    must(t->buffers.reserved > 0);
    t->buffers.reserved--;
    return take(&t->buffers);
}

void tcp_block_free(struct tcp *t, struct tcp_block *b)
{
    b->next = t->buffers.free;
    t->buffers.free = b;
    t->buffers.used--;
}

void tcp_queue_free(struct tcp *t, struct tcp_queue *q, u16 *count)
{
    while (q->first) {
        struct tcp_block *b = q->first;
        q->first = b->next;
        tcp_block_free(t, b);
    }
    q->last = NULL;
    *count = 0;
}

/* ---- the send queue ---- */

static u32 block_length(const struct tcp_block *b)
{
    return (u32)(b->to + b->tail.n);
}

/* Static data is not counted against send_max_bytes (it costs no memory), but the
 * queue must stay comparable modulo 2^32. */
enum { QUEUE_BYTES_MAX = 1 << 30 };

static u32 queued(const struct tcb *c)
{
    return wrap_sub32(c->snd_end, c->snd_una);
}

/* Bytes that still fit into the last block; none once something static follows them. */
static size_t last_room(const struct tcb *c)
{
    const struct tcp_block *b = c->snd.last;
    return b && b->tail.n == 0 ? (size_t)TCP_BLOCK_BYTES - b->to : 0;
}

static struct tcp_block *grow(struct tcb *c)
{
    if (c->snd_blocks >= c->tcp->send_blocks_max)
        return NULL;
    struct tcp_block *b = block_for(c, SENDING);
    if (!b)
        return NULL;
    b->seq = c->snd_end;
    if (c->snd.last)
        c->snd.last->next = b;
    else
        c->snd.first = b;
    c->snd.last = b;
    c->snd_blocks++;
    c->tcp->buffers.sending++;
    return b;
}

u32 tcp_send_room(const struct tcb *c)
{
    if (queued(c) >= QUEUE_BYTES_MAX)
        return 0;
    size_t blocks = MIN((size_t)sat_sub(c->tcp->send_blocks_max, c->snd_blocks), share(c, SENDING));
    return (u32)MIN(blocks * TCP_BLOCK_BYTES + last_room(c), (size_t)QUEUE_BYTES_MAX);
}

size_t tcp_send_copy(struct tcb *c, struct view data)
{
    size_t taken = 0;
    while (data.n > 0 && queued(c) < QUEUE_BYTES_MAX) {
        struct tcp_block *b = last_room(c) > 0 ? c->snd.last : grow(c);
        if (!b)
            break;
        size_t n = MIN(data.n, (size_t)TCP_BLOCK_BYTES - b->to);
        copy(span_sub(SPAN_OF(b->bytes), b->to, n), view_first(data, n));
        b->to = to_u16(b->to + n);
        c->snd_end = wrap_add32(c->snd_end, (u32)n);
        data = view_from(data, n);
        taken += n;
    }
    return taken;
}

bool tcp_send_static(struct tcb *c, struct view data)
{
    must(data.n <= QUEUE_BYTES_MAX);
    if (queued(c) > QUEUE_BYTES_MAX - data.n)
        return false;
    struct tcp_block *b = c->snd.last;
    if (!b || b->tail.n > 0)
        b = grow(c);
    if (!b)
        return false;
    b->tail = data;
    c->snd_end = wrap_add32(c->snd_end, (u32)data.n);
    return true;
}

/* The last block is given back with its last byte even where it has room left: an
 * idle connection holds no memory. */
void tcp_send_acked(struct tcb *c)
{
    while (c->snd.first) {
        struct tcp_block *b = c->snd.first;
        if (seq_lt(c->snd_una, wrap_add32(b->seq, block_length(b))))
            return;
        if (c->snd_cursor == b)
            c->snd_cursor = NULL;
        c->snd.first = b->next;
        tcp_block_free(c->tcp, b);
        c->snd_blocks--;
        c->tcp->buffers.sending--;
    }
    c->snd.last = NULL;
}

void tcp_send_drop(struct tcb *c)
{
    c->snd_cursor = NULL;
    c->tcp->buffers.sending -= c->snd_blocks;
    tcp_queue_free(c->tcp, &c->snd, &c->snd_blocks);
}

/* The block that holds `seq`. New data is found from where the last search ended. */
static struct tcp_block *find(struct tcb *c, u32 seq)
{
    struct tcp_block *b = c->snd_cursor;
    if (!b || seq_lt(seq, b->seq))
        b = c->snd.first;
    while (b && seq_le(wrap_add32(b->seq, block_length(b)), seq))
        b = b->next;
    if (b && (!c->snd_cursor || seq_lt(c->snd_cursor->seq, b->seq)))
        c->snd_cursor = b;
    return b;
}

u32 tcp_send_gather(struct tcb *c, u32 seq, u32 n, struct ip_tx *t)
{
    u32 got = 0;
    size_t parts = 0;
    for (struct tcp_block *b = find(c, seq); b && got < n; b = b->next) {
        size_t skip = wrap_sub32(wrap_add32(seq, got), b->seq);
        if (skip < b->to) {
            if (parts++ == IP_TX_PARTS_MAX)
                break;
            size_t take_n = MIN(b->to - skip, (size_t)(n - got));
            ip_tx_part(t, view_sub(VIEW_OF(b->bytes), skip, take_n));
            got += (u32)take_n;
            skip = b->to;
        }
        if (got < n && skip - b->to < b->tail.n) {
            if (parts++ == IP_TX_PARTS_MAX)
                break;
            struct view rest = view_from(b->tail, skip - b->to);
            size_t take_n = MIN(rest.n, (size_t)(n - got));
            ip_tx_part(t, view_first(rest, take_n));
            got += (u32)take_n;
        }
    }
    return got;
}
