#include "net/link.h"

#include "base/num.h"
#include "net/internal.h"
#include "wire/eth.h"
#include "wire/ipv4.h"

apart static void input(struct stack *s, const struct net_rx *rx, u64 now)
{
    struct eth e = {0};
    s->stats.rx_bytes += rx->frame.n;
    if (eth_decode(rx->frame, &e) != OK || eth_is_group(e.src)) {
        count_event(&s->stats.rx_malformed);
        return;
    }
    bool broadcast = e.dst == ETH_BROADCAST;
    if (unlikely(!broadcast && e.dst != s->mac)) {
        count_event(&s->stats.rx_dropped);
        return;
    }
    if (likely(e.type == ETH_IPV4))
        ip_input(s, e.payload, &rx->offload, broadcast, now);
    else if (e.type == ETH_ARP)
        arp_input(s, e.payload, now);
    else
        count_event(&s->stats.rx_dropped);
}

bool link_take(struct stack *s, u64 now)
{
    size_t n = net_rx(s->dev, SLICE_OF(net_rx_burst, s->rx.burst));
    for (size_t i = 0; i < n; i++)
        input(s, &AT(s->rx.burst, i), now);
    s->stats.rx_frames += n;
    return n > 0;
}

/* The device did not take it. TCP takes its own back, and need not wait to find it
 * lost; anything else is. */
static void give_back(struct stack *s, struct view headers)
{
    struct ipv4 h;
    if (headers.n > ETH_HEADER + IPV4_HEADER && load_be16(headers, 12) == ETH_IPV4 &&
        ipv4_decode_quoted(view_from(headers, ETH_HEADER), &h) == OK && h.protocol == IP_TCP)
        tcp_not_sent(s, ip4(h.src), ip4(h.dst), h.payload);
    else
        count_event(&s->stats.tx_dropped);
}

void link_flush(struct stack *s)
{
    struct link_tx *l = &s->tx;
    if (l->burst_n > 0) {
        size_t took = net_tx(s->dev, net_tx_burst_part(SLICE_OF(net_tx_burst, l->burst), 0, l->burst_n));
        must(took <= l->burst_n);
        l->full = took < l->burst_n;
        s->stats.tx_frames += took;
        for (size_t i = l->burst_n; i > took; i--) /* the last one first: see tcp_not_sent */
            give_back(s, *net_parts_at(AT(l->burst, i - 1).parts, 0));
        l->burst_n = 0;
    }
    if (!l->building)
        l->slots_n = l->parts_n = 0;
}

struct ip_tx *ip_tx_begin(struct stack *s, size_t header_n)
{
    struct link_tx *l = &s->tx;
    must(!l->building && header_n <= IP_TX_HEADER_MAX);
    if (unlikely(l->full))
        return NULL;
    if (unlikely(l->slots_n == NET_BURST_MAX || l->parts_n > LINK_PARTS - NET_PARTS_MAX)) {
        link_flush(s);
        if (l->full)
            return NULL;
    }
    if (l->slots_n == 0)
        l->copied_n = 0;
    struct ip_tx *t = &AT(l->slots, l->slots_n);
    t->stack = s;
    t->header_n = (u32)header_n;
    t->bytes = (u32)header_n;
    t->parts_first = l->parts_n;
    t->parts_n = 1;
    t->copied_first = l->copied_n;
    fill(ip_tx_header(t), 0);
    l->building = true;
    return t;
}

struct span ip_tx_header(struct ip_tx *t)
{
    return span_sub(SPAN_OF(t->frame), ETH_HEADER + IPV4_HEADER, t->header_n);
}

void ip_tx_part(struct ip_tx *t, struct view payload)
{
    must(t->parts_n < NET_PARTS_MAX);
    AT(t->stack->tx.parts, t->parts_first + t->parts_n) = payload;
    t->parts_n++;
    t->bytes += (u32)payload.n;
}

/* Room in the ring's copies is made by sending what was built before, unless this
 * very frame lies there already. */
bool ip_tx_copy(struct ip_tx *t, struct view payload)
{
    struct link_tx *l = &t->stack->tx;
    if (payload.n > LINK_COPY_BYTES - l->copied_n) {
        if (payload.n > LINK_COPY_BYTES || l->copied_n != t->copied_first)
            return false;
        link_flush(t->stack);
        l->copied_n = t->copied_first = 0;
    }
    struct span room = span_sub(SPAN_OF(l->copies), l->copied_n, payload.n);
    copy(room, payload);
    l->copied_n += (u32)payload.n;
    ip_tx_part(t, view_of(room));
    return true;
}

void ip_tx_drop(struct ip_tx *t)
{
    struct link_tx *l = &t->stack->tx;
    must(l->building);
    l->building = false;
    l->copied_n = t->copied_first;
}

void link_commit(struct ip_tx *t, size_t headers_n, struct net_offload offload)
{
    struct link_tx *l = &t->stack->tx;
    must(l->building);
    struct net_parts parts = net_parts_part(SLICE_OF(net_parts, l->parts), t->parts_first, t->parts_n);
    *net_parts_at(parts, 0) = view_of(span_first(SPAN_OF(t->frame), headers_n));
    AT(l->burst, l->burst_n) = (struct net_tx){.parts = parts, .offload = offload};
    l->burst_n++;
    l->slots_n++;
    l->parts_n = t->parts_first + t->parts_n;
    l->building = false;
    t->stack->stats.tx_bytes += headers_n + t->bytes - t->header_n;
}

void link_send_copy(struct stack *s, struct view frame, struct net_offload offload)
{
    struct ip_tx *t = ip_tx_begin(s, 0);
    if (!t) {
        count_event(&s->stats.tx_dropped);
        return;
    }
    copy(SPAN_OF(t->frame), view_first(frame, ETH_HEADER));
    if (ip_tx_copy(t, view_from(frame, ETH_HEADER)))
        link_commit(t, ETH_HEADER, offload);
    else
        ip_tx_drop(t);
}
