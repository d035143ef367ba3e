/* Runs tools (compiler, linker, symbolizer) found in PATH. */
#ifndef PITH_SPAWN_H
#define PITH_SPAWN_H

#include <sys/types.h>

#include "base/view.h"

/* Starts argv[0] with these as its standard input, output and error; -1 leaves one
 * as it is. Answers its pid, or -1 with errno set (ENOENT: no such tool). */
pid_t spawn(const char *const argv[], int in, int out, int err);

/* Waits for it. Answers its exit code, or 128 + the signal that ended it. */
int spawn_wait(pid_t pid);

/* A file in memory for a tool's input or output; -1 on failure. */
int memory_file(const char *name);

/* All of a memory file, mapped; empty on failure or when it is empty. */
struct view memory_file_map(int fd);
void memory_file_unmap(struct view v);

#endif
