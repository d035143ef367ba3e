/* `pith run --host qemu`: the image in a virtual machine of QEMU's, above the metal
 * host's keel and drivers (host/metal), by the file that `pith pack` would write. */
#ifndef PITH_QEMU_H
#define PITH_QEMU_H

#include "host/process/process.h"

/* Runs it, as process_run does: returns only with one line in `error`. */
void qemu_run(const struct process_plan *plan, char *error, size_t error_n);

#endif
