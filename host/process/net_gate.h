/* What an image may say to its host through passt. passt hands on whatever the image
 * addresses: 127.0.0.1 is then the host's own loopback, and the gateway stands for it
 * too, which is where answers to local clients of published ports must go. So nothing
 * passes to the loopback, and to the gateway only what answers: no first segment of a
 * TCP connection, no datagram to a port that none came from. Other addresses, the
 * host's own among them, are reached as from any program of the user's. */
#ifndef HOST_PROCESS_NET_GATE_H
#define HOST_PROCESS_NET_GATE_H

#include "base/types.h"

enum {
    GATE_GATEWAY = 0x0a000202, /* 10.0.2.2 */
    GATE_HEAD_BYTES = 14 + 60 + 14, /* of a frame: Ethernet, IPv4 with options, ports and flags */
};

struct gate {
    u8 heard[65536 / 8]; /* a bit for each UDP port of the gateway's that a datagram came from */
};

/* Notes a frame for the image. */
void gate_hear(struct gate *g, const u8 *frame, size_t n);

/* Whether a frame for the image opens a TCP connection. */
bool gate_opens(const u8 *frame, size_t n);

/* Whether a frame of the image's, by its head, names an address of its own: it has one then. */
bool gate_is_addressed(const u8 *head, size_t n);

/* Whether a frame of the image's may pass, by its first n bytes: GATE_HEAD_BYTES of
 * them, or the whole frame. */
bool gate_passes(const struct gate *g, const u8 *frame, size_t n);

#endif
