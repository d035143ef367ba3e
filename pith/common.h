/* What the commands share besides pith/command.h. */
#ifndef PITH_COMMON_H
#define PITH_COMMON_H

#include "base/view.h"

struct command;
struct option; /* getopt.h */

/* For what getopt_long answers besides options of `known`: says what is wrong with
 * the option, and answers EXIT_USAGE. */
int bad_option(const struct command *c, int answer, const struct option *known, char **argv);

/* The candidate that a mistyped word is closest to; best stays NULL when none is
 * near enough to be meant. */
struct nearest {
    const char *word, *best;
    size_t distance;
};

void nearest_try(struct nearest *n, const char *candidate);

/* The only *.pith file of the current directory; NULL: none, or more than one. The
 * result is in static memory. */
const char *find_local_image(void);

/* find_image (pith/command.h) and opening it for reading: a descriptor, or -1 after
 * saying why. */
int open_image(const char *name, const char **path);

/* The file of an image's debug information: NAME.debug beside NAME.pith (or NAME). False:
 * its name is too long. */
bool debug_path(const char *image, struct span out);

/* The text with its control characters made visible, for a terminal: names of an image or
 * a bundle that nobody vouches for. In static memory, of which two can be used at once. */
const char *visible(struct view text);

/* The directory that the catalogue's images lie in, without a final slash: beside the
 * command, or in ../lib/pith/images when it is installed. In static memory. */
const char *catalogue_dir(void);

#endif
