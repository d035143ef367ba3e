/* The one way to wait: until a device in a set is ready, or until a deadline.
 * Bound when the image is linked. Device i of the manifest is bit i. */
#ifndef SIG_IDLE_H
#define SIG_IDLE_H

#include "base/time.h"

enum {
    IDLE_STOP_BIT = 63, /* the user asked the appliance to end: finish and return */
};

/* Blocks until `deadline`, until a device in `readable` has something to receive,
 * one in `writable` has room to transmit, or a stop is asked for (reported once).
 * Answers the devices that are ready, and IDLE_STOP_BIT. May return 0 early. */
u64 idle_until(u64 readable, u64 writable, u64 deadline);

#endif
