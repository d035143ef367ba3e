/* The file that a boot loader takes: keel and drivers (host/metal), which this command
 * holds inside, and behind them a pack (wire/pack.h) of an image with all that it would
 * be given when it is run. */
#ifndef PITH_METAL_FILE_H
#define PITH_METAL_FILE_H

#include "host/process/process.h"

/* Writes the file for `plan` to fd, which is empty. Of the plan's devices the window and
 * queue count. EXIT_OK, or an exit code after saying why. */
int metal_file_write(const struct process_plan *plan, const char *path, int fd);

/* The memory in MiB that a machine needs to run it. */
u64 metal_file_memory_mib(const struct process_plan *plan);

#endif
