/* A frame's way: a device's tx → checked against sig/net.h → shown to lookers and
 * the capture → cut into segments where the wire is real or the receiver takes no
 * super-frames → the path's chances, rate and latency → an event → the receiver's
 * queue → its rx. */
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/num.h"
#include "host/sim/internal.h"

enum { ETH = 14, ETH_ALEN = 6, FRAME_MAX = 65549, MTU = 1500, IP4 = 0x0800, IP6 = 0x86dd, STALE = 0xdd };

static struct sim_port *port_of(struct net_dev *dev)
{
    return CONTAINER(dev, struct sim_port, dev);
}

static struct sim_packet *packet_new(struct view frame, struct net_offload o, struct sim_port *to)
{
    struct sim_packet *p = malloc(sizeof *p + frame.n);
    must(p);
    *p = (struct sim_packet){.to = to, .offload = o, .n = frame.n};
    copy((struct span){p->bytes, frame.n}, frame);
    return p;
}

/* ---- arriving -------------------------------------------------------------------- */

void sim_arrive(struct sim_packet *p)
{
    struct sim_port *to = p->to;
    if (to->unplugged) {
        free(p);
        return;
    }
    p->next = NULL;
    *to->last = p;
    to->last = &p->next;
    waiters_wake_one(&to->receivers);
}

/* What was handed out is no longer valid: made useless, so that a stack that still
 * reads it is found out. */
static void drop_held(struct sim_port *port)
{
    for (struct sim_packet *p = port->held, *next; p; p = next) {
        next = p->next;
        fill((struct span){p->bytes, p->n}, STALE);
        free(p);
    }
    port->held = NULL;
}

static size_t rx(struct net_dev *dev, struct net_rx_burst burst)
{
    struct sim_port *port = port_of(dev);
    drop_held(port);
    size_t n = 0;
    struct sim_packet **held_end = &port->held;
    for (; n < burst.n && port->first; n++) {
        struct sim_packet *p = port->first;
        port->first = p->next;
        if (!port->first)
            port->last = &port->first;
        *net_rx_burst_at(burst, n) = (struct net_rx){{p->bytes, p->n}, p->offload};
        port->counts.delivered++;
        port->counts.bytes_delivered += p->n;
        p->next = NULL;
        *held_end = p;
        held_end = &p->next;
    }
    return n;
}

/* ---- the path ---------------------------------------------------------------------- */

static bool is_lost(struct sim_port *from)
{
    const struct sim_path *path = &from->path;
    if (from->losing && path->loss_burst > 1)
        from->losing = random_below(&sim.random, path->loss_burst) > 0;
    else
        from->losing = sim_chance(path->loss_burst > 1 ? path->loss_ppm / path->loss_burst : path->loss_ppm);
    return from->losing;
}

static u64 up_to(u64 ns)
{
    return ns > 0 ? random_below(&sim.random, ns + 1) : 0;
}

/* One bit behind the Ethernet header of an IP packet: what checksums cover. On a real
 * wire the rest is covered by Ethernet's own. */
static void flip_bit(struct sim_packet *p)
{
    struct span bytes = {p->bytes, p->n};
    u16 type = load_be16(view_of(bytes), 12);
    if (p->n <= ETH || (type != IP4 && type != IP6))
        return;
    size_t bit = random_below(&sim.random, (p->n - ETH) * 8);
    size_t at = ETH + bit / 8;
    span_set(bytes, at, (u8)(span_at(bytes, at) ^ 1u << bit % 8));
    p->offload.flags = 0;
}

static u64 transmission_ns(const struct sim_path *path, size_t n)
{
    enum { GAPS = 24 }; /* preamble, check sequence and gap of Ethernet */
    return path->rate_bps ? (n + GAPS) * 8 * NS_PER_S / path->rate_bps : 0;
}

static u64 queued_bytes(const struct sim_port *from)
{
    return sat_sub(from->free_at, sim.now) * from->path.rate_bps / 8 / NS_PER_S;
}

static bool queue_full(const struct sim_port *from, size_t n)
{
    const struct sim_path *path = &from->path;
    return path->rate_bps && path->queue_bytes && queued_bytes(from) + n > path->queue_bytes;
}

/* Sends one packet on its way. */
static void start(struct sim_port *from, struct sim_packet *p, bool late)
{
    const struct sim_path *path = &from->path;
    u64 when = from->free_at + path->latency_ns + up_to(path->jitter_ns);
    if (late || sim_chance(path->reorder_ppm)) {
        from->counts.reordered++;
        when += 1 + up_to(path->reorder_ns);
    } else {
        when = MAX(when, from->last_at);
        from->last_at = when;
    }
    p->when = when;
    sim_event_add(p);
}

/* One frame as the path carries it, to one receiver. */
static void carry(struct sim_port *from, struct sim_port *to, struct view frame, struct net_offload o,
                  enum sim_fate fate)
{
    const struct sim_path *path = &from->path;
    if (fate == SIM_DROP || is_lost(from)) {
        from->counts.lost++;
        return;
    }
    if (queue_full(from, frame.n) && !path->backpressure) {
        from->counts.overflowed++;
        return;
    }
    from->free_at = MAX(from->free_at, sim.now) + transmission_ns(path, frame.n);
    if (path->mtu && o.gso == NET_GSO_NONE && frame.n > (size_t)path->mtu + ETH) {
        from->counts.lost++;
        return;
    }
    struct sim_packet *p = packet_new(frame, o, to);
    if (fate == SIM_CORRUPT || sim_chance(path->corrupt_ppm)) {
        from->counts.corrupted++;
        flip_bit(p);
    }
    if (fate == SIM_TWICE || sim_chance(path->duplicate_ppm)) {
        from->counts.duplicated++;
        start(from, packet_new((struct view){p->bytes, p->n}, p->offload, to), false);
    }
    start(from, p, fate == SIM_LATE);
}

/* ---- sending ------------------------------------------------------------------------- */

static bool takes_super(const struct sim_port *to, u8 gso)
{
    u32 need = gso == NET_GSO_TCP4 ? NET_TSO4 : gso == NET_GSO_TCP6 ? NET_TSO6 : 0;
    return need && (to->dev.features & need) && (to->dev.features & NET_RX_CSUM);
}

/* A frame as the receiver may get it. Checksums that nobody completed on the way
 * stay so for a receiver that knows how (as between a tap and its kernel); those
 * completed here are vouched for. */
static void carry_plain(struct sim_port *from, struct sim_port *to, struct span frame, struct net_offload o,
                        bool spoils, enum sim_fate fate)
{
    bool knows = to->dev.features & NET_RX_CSUM;
    if ((o.flags & NET_NEEDS_CSUM) && (spoils || !knows)) {
        sim_checksum(frame, &o);
        o = (struct net_offload){.flags = knows ? NET_DATA_VALID : 0};
    }
    carry(from, to, view_of(frame), o, fate);
}

static void send_to(struct sim_port *from, struct sim_port *to, struct view frame, struct net_offload o,
                    enum sim_fate fate)
{
    static u8 buffer[FRAME_MAX];
    struct span out = SPAN_OF(buffer);
    if (to->unplugged)
        return;
    bool spoils = from->path.real || from->path.corrupt_ppm || fate == SIM_CORRUPT;
    if (o.gso == NET_GSO_NONE) {
        copy(out, frame);
        carry_plain(from, to, span_first(out, frame.n), o, spoils, fate);
    } else if (takes_super(to, o.gso) && !spoils) {
        carry(from, to, frame, o, fate);
    } else {
        size_t count = sim_segments(frame, &o);
        struct net_offload vouched = {.flags = to->dev.features & NET_RX_CSUM ? NET_DATA_VALID : 0};
        for (size_t i = 0; i < count; i++) {
            size_t n = sim_segment(frame, &o, i, out);
            carry(from, to, view_of(span_first(out, n)), vouched, fate);
        }
    }
}

static enum sim_fate look(struct sim_link *l, struct sim_port *from, struct view frame, struct net_offload o)
{
    static u8 finished[FRAME_MAX];
    if (l->lookers_n == 0 && l->pcap_fd < 0)
        return SIM_PASS;
    struct span bytes = span_first(SPAN_OF(finished), frame.n);
    copy(bytes, frame);
    sim_checksum(bytes, &o);
    if (l->pcap_fd >= 0)
        sim_pcap_frame(l->pcap_fd, view_of(bytes), sim.now + sim.wall_offset);
    struct sim_frame f = {view_of(bytes), o, &from->dev, sim.now};
    enum sim_fate fate = SIM_PASS;
    for (u32 i = 0; i < l->lookers_n; i++) {
        enum sim_fate said = AT(l->lookers, i).look(AT(l->lookers, i).arg, &f);
        fate = fate == SIM_PASS ? said : fate;
    }
    return fate;
}

static bool for_all(struct view frame)
{
    return view_at(frame, 0) & 1;
}

static void enter(struct sim_port *from, struct view frame, struct net_offload o)
{
    struct sim_link *l = from->link;
    from->counts.sent++;
    from->counts.bytes_sent += frame.n;
    enum sim_fate fate = look(l, from, frame, o);
    struct view destination = view_first(frame, ETH_ALEN);
    struct sim_port *to = NULL;
    for (u32 i = 0; i < l->count; i++)
        if (view_eq(VIEW_OF(AT(l->ports, i)->dev.mac), destination))
            to = AT(l->ports, i);
    if (to && to != from)
        send_to(from, to, frame, o, fate);
    for (u32 i = 0; i < l->count && !to && for_all(frame); i++)
        if (AT(l->ports, i) != from)
            send_to(from, AT(l->ports, i), frame, o, fate);
}

/* Breaking these is a bug of the stack that sends. */
static void check_rules(const struct sim_port *port, size_t n, const struct net_offload *o)
{
    u32 features = port->dev.features;
    must(n >= ETH && n <= FRAME_MAX);
    must((o->flags & ~NET_NEEDS_CSUM) == 0);
    if (o->flags & NET_NEEDS_CSUM) {
        must(features & NET_CSUM);
        must((size_t)o->csum_start + o->csum_offset + 2 <= n);
    }
    if (o->gso == NET_GSO_NONE) {
        must(n <= (size_t)port->dev.mtu + ETH);
        return;
    }
    must(o->flags & NET_NEEDS_CSUM);
    must(o->gso == NET_GSO_TCP4   ? features & NET_TSO4
         : o->gso == NET_GSO_TCP6 ? features & NET_TSO6
                                  : o->gso == NET_GSO_UDP && features & NET_USO);
    must(o->gso_size > 0 && o->hdr_len <= n);
    must((size_t)o->hdr_len + o->gso_size <= (size_t)port->dev.mtu + ETH);
}

static bool send_one(struct sim_port *from, const struct net_tx *tx)
{
    static u8 bytes[FRAME_MAX];
    struct writer w = writer_of(SPAN_OF(bytes));
    must(tx->parts.n > 0 && tx->parts.n <= NET_PARTS_MAX);
    for (size_t i = 0; i < tx->parts.n; i++)
        put_bytes(&w, *net_parts_at(tx->parts, i));
    must(!w.full);
    check_rules(from, w.n, &tx->offload);
    if (from->path.backpressure && queue_full(from, w.n)) {
        from->refused = true;
        return false;
    }
    from->refused = false;
    from->free_at = MAX(from->free_at, sim.now);
    if (!from->unplugged)
        enter(from, written(&w), tx->offload);
    return true;
}

static size_t tx(struct net_dev *dev, struct net_tx_burst burst)
{
    size_t n = 0;
    while (n < burst.n && send_one(port_of(dev), net_tx_burst_at(burst, n)))
        n++;
    return n;
}

/* ---- links and devices ------------------------------------------------------------- */

struct sim_link *sim_link_new(const struct sim_path *path)
{
    struct sim_link *l = SIM_NEW(struct sim_link);
    l->pcap_fd = -1;
    if (path)
        l->path = *path;
    AT(sim.links, sim.links_n) = l;
    sim.links_n++;
    return l;
}

struct net_dev *sim_dev(struct sim_link *l, u32 features)
{
    static const struct net_ops ops = {.rx = rx, .tx = tx};
    struct sim_port *p = SIM_NEW(struct sim_port);
    *p = (struct sim_port){
        .dev = {.ops = &ops, .mtu = MTU, .features = features, .index = sim.ports_n},
        .link = l,
        .path = l->path,
    };
    p->last = &p->first;
    AT(sim.ports, sim.ports_n) = p;
    AT(l->ports, l->count) = p;
    sim.ports_n++;
    l->count++;
    struct writer mac = writer_of(SPAN_OF(p->dev.mac));
    put_be16(&mac, 0x0200);
    put_be32(&mac, sim.ports_n);
    return &p->dev;
}

void sim_port_end(struct sim_port *p)
{
    drop_held(p);
    for (struct sim_packet *next; p->first; p->first = next) {
        next = p->first->next;
        free(p->first);
    }
}

void sim_link_end(struct sim_link *l)
{
    if (l->pcap_fd >= 0)
        close(l->pcap_fd);
}

struct sim_path *sim_path(struct net_dev *dev)
{
    return &port_of(dev)->path;
}

void sim_unplug(struct net_dev *dev, bool unplugged)
{
    port_of(dev)->unplugged = unplugged;
}

struct sim_counts sim_counts(struct net_dev *dev)
{
    return port_of(dev)->counts;
}

void sim_watch(struct sim_link *l, enum sim_fate (*fn)(void *arg, const struct sim_frame *f), void *arg)
{
    AT(l->lookers, l->lookers_n) = (struct sim_looker){fn, arg};
    l->lookers_n++;
}

struct nth {
    u32 left;
    bool (*is)(const struct sim_frame *f);
};

static enum sim_fate drop_nth(void *arg, const struct sim_frame *f)
{
    struct nth *nth = arg;
    if (nth->left == 0 || !nth->is(f))
        return SIM_PASS;
    nth->left--;
    return nth->left == 0 ? SIM_DROP : SIM_PASS;
}

void sim_drop_nth(struct sim_link *l, u32 n, bool (*is)(const struct sim_frame *f))
{
    struct nth *nth = SIM_NEW(struct nth);
    *nth = (struct nth){n, is};
    sim_watch(l, drop_nth, nth);
}

void sim_pcap(struct sim_link *l, const char *path)
{
    must(l->pcap_fd < 0);
    l->pcap_fd = sim_pcap_open(path);
}

bool sim_send(struct net_dev *dev, struct view frame)
{
    struct net_tx t = {.parts = {&frame, 1}};
    return tx(dev, (struct net_tx_burst){&t, 1}) == 1;
}

enum err sim_recv(struct net_dev *dev, struct net_rx *out, u64 deadline)
{
    while (rx(dev, (struct net_rx_burst){out, 1}) == 0)
        TRY(waiters_wait(&port_of(dev)->receivers, deadline));
    return OK;
}
