/* Carries frames between a network device and a virtual machine that has it as a stream
 * of frames on a socket: so the device's own rules hold, and its capture. */
#ifndef PITH_RELAY_H
#define PITH_RELAY_H

#include <poll.h>

#include "host/process/net.h"

enum { RELAY_BURST = 64, RELAY_WINDOW = 256 << 10 };

/* Frames in one direction: what was received from one side and not yet sent to the other. */
struct relay_way {
    struct process_net *from, *to;
    struct host_rx frames[RELAY_BURST];
    u32 next, n;
};

struct relay {
    struct relay_way out, in; /* of the virtual machine, into it */
};

/* `socket` is our end of the virtual machine's stream; it stays the caller's on failure.
 * False: no memory. */
bool relay_init(struct relay *r, struct process_net *device, int socket);

/* Two entries for poll, and what to do after it. False: one side is gone. */
void relay_poll(struct relay *r, struct pollfd fds[2]);
bool relay_run(struct relay *r);

#endif
