/* The subcommands of `pith`. Each file pith/NAME.c holds one and its help. */
#ifndef PITH_COMMAND_H
#define PITH_COMMAND_H

#include "base/types.h"

struct command {
    const char *name;
    const char *summary;                     /* one line for `pith --help` */
    const char *help;                        /* the whole of `pith NAME --help` */
    int (*run)(int argc, char **argv);       /* argv[0] is the name; answers the exit code */
};

extern const struct command command_run, command_build, command_new, command_bundle, command_inspect,
    command_list, command_debug, command_pack, command_symbolize, command_strip;

/* Exit codes that scripts can rely on. An appliance's own code passes through. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,      /* the work failed: an unreadable file, a busy port, a failed build */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_CRASHED = 134,   /* the appliance trapped; a report was printed */
};

/* "pith: " and the message and a newline on standard error; answers EXIT_FAILED or
 * EXIT_USAGE, so that `return fail("…")` ends a command. Say what to do next. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage(const struct command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The path of an image: a file as named, or NAME of the catalogue (NAME.pith beside
 * the command). Answers NULL, having said why, when there is none. The result is
 * in static memory. */
const char *find_image(const char *name);

/* The directory of the command, without a final slash: headers and image libraries
 * for `pith build` are found from there. */
const char *pith_home(void);

#endif
