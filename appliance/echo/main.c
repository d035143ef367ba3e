/* Sends back what it gets, over TCP (RFC 862) and UDP: the simplest appliance on the
 * network, for tests and measurements. One fiber a connection, one for all datagrams. */
#include "base/num.h"
#include "fiber/appliance.h"
#include "fiber/loop.h"
#include "net/stack.h"

APPLIANCE(.name = "echo", .about = "sends back what it gets, TCP and UDP", .mem_kib = 16384,
          .mem_min_kib = 8192, .stack_kib = 12, .fibers = 260, .connections = 256);
DEVICE(service, DEVICE_NET, .rx_kib = 256);
KEY(port, KEY_NUMBER, "7", "TCP and UDP port", .min = 1, .max = 65535);
KEY(idle, KEY_DURATION, "5m", "a connection that says nothing for so long is closed", .min = 100,
    .max = 86400000);

struct echo {
    struct listener *tcp;
    struct dgram *udp;
    struct scope *connections;
};

/* One buffered piece. What does not fit the send buffer now is copied first: the piece
 * is valid only until the fiber blocks. */
static enum err echo_piece(struct stream *s, struct view piece, u64 deadline)
{
    u8 kept[4096];
    if (piece.n <= stream_room(s)) {
        TRY(stream_write(s, piece, STREAM_COPY, deadline));
        stream_consume(s, piece.n);
        return OK;
    }
    struct span room = span_first(SPAN_OF(kept), MIN(piece.n, sizeof kept));
    copy(room, view_first(piece, room.n));
    stream_consume(s, room.n);
    return stream_write(s, view_of(room), STREAM_COPY, deadline);
}

static void echo_stream(void *arg)
{
    struct stream *s = arg;
    const u64 idle_ns = key_duration_ns("idle");
    enum err e = OK;
    while (e == OK) {
        const u64 deadline = sat_add(loop_now(), idle_ns);
        struct view piece;
        e = stream_wait(s, 0, deadline);
        if (e == OK && stream_pieces(s, SLICE_ONE(stream_pieces, &piece)) == 1)
            e = echo_piece(s, piece, deadline);
    }
    if (e == ERR_EOF)
        stream_close(s);
    else
        stream_abort(s);
}

static void accept_streams(void *arg)
{
    struct echo *echo = arg;
    struct stream *s;
    while (listener_accept(echo->tcp, &s, FOREVER) == OK)
        if (fiber_spawn(echo->connections, "connection", echo_stream, s) != OK)
            stream_abort(s);
}

static void echo_datagrams(void *arg)
{
    struct echo *echo = arg;
    struct dgram_in in;
    while (dgram_recv(echo->udp, &in, FOREVER) == OK) {
        enum err e = dgram_send(echo->udp, in.from, in.data);
        (void)e; /* lost, as a datagram may be */
    }
}

static enum err serve(struct echo *echo)
{
    SCOPE(connections, "connections");
    SCOPE(services, "services");
    echo->connections = &connections;
    TRY(fiber_spawn(&services, "accept", accept_streams, echo));
    TRY(fiber_spawn(&services, "datagrams", echo_datagrams, echo));
    return loop_wait_stop(FOREVER);
}

enum err appliance_main(struct scope *root)
{
    (void)root;
    struct stack *stack;
    struct echo echo = {0};
    const u16 port = to_u16(key_number("port"));
    TRY(net_start(&stack, 0, FOREVER));
    TRY(tcp_listen(stack, port, 128, &echo.tcp));
    TRY(udp_open(stack, port, &echo.udp));
    enum err e = serve(&echo);
    stack_close(stack);
    return e;
}
