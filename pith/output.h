/* A file that appears whole or not at all: written under another name beside its
 * place, then renamed. Signals that end the command remove it. One at a time. */
#ifndef PITH_OUTPUT_H
#define PITH_OUTPUT_H

#include <limits.h>
#include <sys/types.h>

struct output {
    int fd;              /* for reading and writing; -1: closed */
    const char *path;    /* the caller's */
    char temporary[PATH_MAX];
};

/* EXIT_OK, or an exit code after saying why. */
int output_open(struct output *o, const char *path, mode_t mode);
int output_commit(struct output *o);   /* abandons it where it fails */
void output_abandon(struct output *o); /* no-op when committed */

#endif
