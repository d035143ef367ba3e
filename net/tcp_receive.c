#include "net/tcp.h"

/* Text in order is, for the turn in which it came, only referred to: most of it is
 * read in place and gone before the turn ends. tcp_settle copies what is left. So
 * that it never lacks the memory to do so, a reference is taken only when as many
 * blocks can be set aside; a segment for which they cannot is not acknowledged and
 * comes again. Windows may so promise more than there is: a promise is broken by
 * dropping, never by stopping. */

static size_t tail_room(const struct tcb *c)
{
    return c->rcv.last ? (size_t)TCP_BLOCK_BYTES - c->rcv.last->to : 0;
}

static size_t blocks_for(const struct tcb *c, size_t n)
{
    size_t room = tail_room(c);
    return n <= room ? 0 : (n - room + TCP_BLOCK_BYTES - 1) / TCP_BLOCK_BYTES;
}

/* Sets aside exactly what the references need now. */
static void reserve(struct tcb *c)
{
    size_t need = blocks_for(c, c->ref_bytes);
    c->tcp->buffers.reserved += need;
    c->tcp->buffers.reserved -= c->reserved;
    c->reserved = to_u16(need);
}

static void append(struct tcp_queue *q, struct tcp_block *b)
{
    if (q->last)
        q->last->next = b;
    else
        q->first = b;
    q->last = b;
}

/* Copies text behind what is there, into blocks set aside or else new ones. */
static bool append_copy(struct tcb *c, struct view text)
{
    while (text.n > 0) {
        if (tail_room(c) == 0) {
            bool aside = c->reserved > 0;
            struct tcp_block *b = aside ? tcp_block_reserved(c->tcp) : tcp_block_new(c);
            if (!b)
                return false;
            c->reserved = (u16)(c->reserved - aside);
            append(&c->rcv, b);
            c->rcv_blocks++;
        }
        struct tcp_block *b = c->rcv.last;
        size_t n = MIN(text.n, tail_room(c));
        copy(span_sub(SPAN_OF(b->bytes), b->to, n), view_first(text, n));
        b->to = to_u16(b->to + n);
        text = view_from(text, n);
    }
    return true;
}

static void settle(struct tcb *c)
{
    while (c->ref_first) {
        struct tcp_ref *r = &AT(c->tcp->refs, c->ref_first);
        must(append_copy(c, r->data));
        c->ref_first = r->next;
        r->conn = NULL;
    }
    c->ref_last = 0;
    c->ref_bytes = 0;
    reserve(c);
}

void tcp_settle(struct stack *s)
{
    struct tcp *t = stack_tcp(s);
    for (u16 i = 1; i <= t->refs_n; i++)
        if (AT(t->refs, i).conn)
            settle(AT(t->refs, i).conn);
    t->refs_n = 0;
}

/* As much of the text as there is memory for, should it have to be kept. What came out
 * of order gives way (RFC 2018 §8): it cannot be read before this, and connections that
 * hold such text alone could otherwise keep each other from ever going on. */
static struct view what_fits(struct tcb *c, struct view text)
{
    size_t room = tail_room(c) + (size_t)c->reserved * TCP_BLOCK_BYTES - c->ref_bytes;
    if (likely(text.n <= room))
        return text;
    if (unlikely(c->tcp->buffers.fail_at)) {
        struct tcp_block *b = tcp_block_new(c);
        if (!b)
            return view_first(text, room);
        tcp_block_free(c->tcp, b);
    }
    if (unlikely(c->ooo.first && text.n > room + tcp_share_bytes(c)))
        tcp_early_drop(c);
    return view_first(text, MIN(text.n, room + tcp_share_bytes(c)));
}

bool tcp_receive(struct tcb *c, struct view whole)
{
    struct tcp *t = c->tcp;
    struct view text = what_fits(c, whole);
    if (text.n == 0)
        return false;
    must(t->refs_n < NET_BURST_MAX);
    u16 i = ++t->refs_n;
    AT(t->refs, i) = (struct tcp_ref){.data = text, .conn = c};
    if (c->ref_last)
        AT(t->refs, c->ref_last).next = i;
    else
        c->ref_first = i;
    c->ref_last = i;
    c->ref_bytes += (u32)text.n;
    reserve(c);
    c->rcv_bytes += (u32)text.n;
    c->rcv_nxt = wrap_add32(c->rcv_nxt, (u32)text.n);
    return text.n == whole.n;
}

size_t tcp_receive_pieces(struct tcb *c, struct stream_pieces out)
{
    size_t n = 0;
    for (struct tcp_block *b = c->rcv.first; b && n < out.n; b = b->next)
        *stream_pieces_at(out, n++) = view_sub(VIEW_OF(b->bytes), b->from, (size_t)(b->to - b->from));
    for (u16 i = c->ref_first; i && n < out.n; i = AT(c->tcp->refs, i).next)
        *stream_pieces_at(out, n++) = AT(c->tcp->refs, i).data;
    return n;
}

static void consume_block(struct tcb *c)
{
    struct tcp_block *b = c->rcv.first;
    c->rcv.first = b->next;
    if (!c->rcv.first)
        c->rcv.last = NULL;
    tcp_block_free(c->tcp, b);
    c->rcv_blocks--;
}

void tcp_receive_consume(struct tcb *c, size_t n)
{
    must_in_bounds(n <= c->rcv_bytes);
    c->rcv_bytes -= (u32)n;
    while (n > 0 && c->rcv.first) {
        struct tcp_block *b = c->rcv.first;
        size_t step = MIN(n, (size_t)(b->to - b->from));
        b->from = to_u16(b->from + step);
        n -= step;
        if (b->from == b->to)
            consume_block(c);
    }
    while (n > 0) {
        struct tcp_ref *r = &AT(c->tcp->refs, c->ref_first);
        size_t step = MIN(n, r->data.n);
        r->data = view_from(r->data, step);
        c->ref_bytes -= (u32)step;
        n -= step;
        if (r->data.n > 0)
            break;
        r->conn = NULL;
        c->ref_first = r->next;
        if (!c->ref_first)
            c->ref_last = 0;
    }
    reserve(c);
}

void tcp_receive_drop(struct tcb *c)
{
    tcp_receive_consume(c, c->rcv_bytes);
    tcp_early_drop(c);
}

void tcp_early_drop(struct tcb *c)
{
    tcp_queue_free(c->tcp, &c->ooo, &c->ooo_blocks);
    c->ooo_bytes = 0;
}

u32 tcp_receive_most(const struct tcb *c)
{
    u32 most = c->tcp->receive_max_bytes;
    return c->srtt_us >= TCP_NEAR_US ? most : MIN(most, (u32)TCP_NEAR_WINDOW);
}

u32 tcp_receive_edge(const struct tcb *c)
{
    u64 free_bytes = sat_sub(tcp_receive_most(c), c->rcv_bytes);
    u32 room = (u32)MIN(free_bytes, (u64)tcp_share_bytes(c) + tail_room(c));
    return seq_max(c->rcv_edge, wrap_add32(c->rcv_nxt, room));
}

u32 tcp_receive_step(const struct tcb *c, u32 edge, u32 enough)
{
    u32 buffer = c->rcv_bytes + wrap_sub32(edge, c->rcv_nxt);
    return MIN(enough, buffer / 2);
}

/* ---- out of order ---- */

static u32 end_of(const struct tcp_block *b)
{
    return wrap_add32(b->seq, (u32)(b->to - b->from));
}

/* Where `seq` belongs: after the block answered, which starts at or before it (NULL: in
 * front). `prev` is such a block too, to go on from. */
static struct tcp_block *before(const struct tcb *c, struct tcp_block *prev, u32 seq)
{
    if (c->ooo.last && seq_le(c->ooo.last->seq, seq))
        return c->ooo.last; /* nearly always: holes are filled from below, new text comes on top */
    struct tcp_block *next = prev ? prev->next : c->ooo.first;
    for (; next && seq_le(next->seq, seq); next = next->next)
        prev = next;
    return prev;
}

/* The queue is searched from its start, so its length is an attacker's lever
 * (CVE-2018-5390). Segments as a sender has reason to cut them fill their blocks;
 * crumbs beyond the first few are not kept. */
static bool is_crumbs(const struct tcb *c)
{
    enum { FEW = 64, FILL_BYTES = TCP_BLOCK_BYTES / 4 };
    return c->ooo_blocks >= FEW && c->ooo_bytes / c->ooo_blocks < FILL_BYTES;
}

static struct tcp_block *insert(struct tcb *c, struct tcp_block *prev, u32 seq)
{
    /* One connection's holes may not take what the order of others needs. */
    if (c->ooo_blocks >= c->tcp->receive_max_bytes / 512 || is_crumbs(c))
        return NULL;
    struct tcp_block *b = tcp_block_new(c);
    if (!b)
        return NULL;
    b->seq = seq;
    if (prev) {
        b->next = prev->next;
        prev->next = b;
    } else {
        b->next = c->ooo.first;
        c->ooo.first = b;
    }
    if (c->ooo.last == prev)
        c->ooo.last = b;
    c->ooo_blocks++;
    return b;
}

/* The newest range first (RFC 2018 §4), told by a byte of it. */
static void note_recent(struct tcb *c, u32 seq)
{
    size_t last = COUNT(c->sack_recent) - 1, i = 0;
    while (i < last && AT(c->sack_recent, i) != seq)
        i++;
    for (; i > 0; i--)
        AT(c->sack_recent, i) = AT(c->sack_recent, i - 1);
    c->sack_recent[0] = seq;
}

/* Text is copied once: bytes that are there already are skipped. */
bool tcp_receive_early(struct tcb *c, u32 seq, struct view text)
{
    bool first = c->ooo.first == NULL;
    u32 start = seq;
    struct tcp_block *prev = NULL;
    while (text.n > 0) {
        prev = before(c, prev, seq);
        if (prev && seq_lt(seq, end_of(prev))) {
            size_t known = MIN((size_t)wrap_sub32(end_of(prev), seq), text.n);
            text = view_from(text, known);
            seq = wrap_add32(seq, (u32)known);
            continue;
        }
        struct tcp_block *next = prev ? prev->next : c->ooo.first;
        size_t gap = next ? MIN((size_t)wrap_sub32(next->seq, seq), text.n) : text.n;
        struct tcp_block *b = prev;
        if (!b || end_of(b) != seq || b->to == TCP_BLOCK_BYTES)
            b = insert(c, prev, seq);
        if (!b)
            return false;
        size_t n = MIN(gap, (size_t)TCP_BLOCK_BYTES - b->to);
        copy(span_sub(SPAN_OF(b->bytes), b->to, n), view_first(text, n));
        b->to = to_u16(b->to + n);
        c->ooo_bytes += (u32)n;
        text = view_from(text, n);
        seq = wrap_add32(seq, (u32)n);
    }
    if (first)
        for (size_t i = 0; i < COUNT(c->sack_recent); i++)
            AT(c->sack_recent, i) = start;
    note_recent(c, start);
    return true;
}

void tcp_receive_join(struct tcb *c)
{
    if (!c->ooo.first || seq_lt(c->rcv_nxt, c->ooo.first->seq))
        return;
    settle(c);
    while (c->ooo.first && seq_le(c->ooo.first->seq, c->rcv_nxt)) {
        struct tcp_block *b = c->ooo.first;
        c->ooo.first = b->next;
        if (!c->ooo.first)
            c->ooo.last = NULL;
        c->ooo_blocks--;
        c->ooo_bytes -= (u32)(b->to - b->from);
        if (seq_le(end_of(b), c->rcv_nxt)) {
            tcp_block_free(c->tcp, b);
            continue;
        }
        b->from = to_u16(b->from + wrap_sub32(c->rcv_nxt, b->seq));
        b->next = NULL;
        u32 n = (u32)(b->to - b->from);
        if (n <= tail_room(c)) { /* so that a queue of single bytes is no queue of blocks */
            must(append_copy(c, view_sub(VIEW_OF(b->bytes), b->from, n)));
            tcp_block_free(c->tcp, b);
        } else {
            append(&c->rcv, b);
            c->rcv_blocks++;
        }
        c->rcv_bytes += n;
        c->rcv_nxt = wrap_add32(c->rcv_nxt, n);
    }
}

/* The range around `seq`, or with from == to when there is none any more. */
static struct tcp_range range_at(const struct tcb *c, u32 seq)
{
    struct tcp_range r = {0};
    for (struct tcp_block *b = c->ooo.first; b; b = b->next) {
        if (r.from != r.to && b->seq == r.to) {
            r.to = end_of(b);
            continue;
        }
        if (r.from != r.to && seq_le(r.from, seq) && seq_lt(seq, r.to))
            return r;
        r = (struct tcp_range){b->seq, end_of(b)};
    }
    return seq_le(r.from, seq) && seq_lt(seq, r.to) ? r : (struct tcp_range){0};
}

void tcp_receive_sack(const struct tcb *c, struct tcp_options *o)
{
    u8 max = (u8)(TCP_SACK_MAX - o->has_time);
    for (size_t i = 0; i < COUNT(c->sack_recent) && o->sack_n < max && c->ooo.first; i++) {
        struct tcp_range r = range_at(c, AT(c->sack_recent, i));
        bool known = r.from == r.to;
        for (size_t j = 0; j < o->sack_n; j++)
            known |= AT(o->sack, j).from == r.from;
        if (!known)
            AT(o->sack, o->sack_n++) = r;
    }
}
