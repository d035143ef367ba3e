/* What `pith build` compiles with: headers and library of the rooms, found from
 * where the command lies, in a source tree or an installation:
 *
 *   TREE/build/pith   TREE/base, sig …           TREE/build/lib/libpith.a
 *   PREFIX/bin/pith   PREFIX/share/pith/include  PREFIX/lib/pith/libpith.a */
#ifndef PITH_TOOLKIT_H
#define PITH_TOOLKIT_H

#include <limits.h>

struct toolkit {
    char include[PATH_MAX];
    char library[PATH_MAX];
};

/* EXIT_OK, or an exit code after saying what is missing. */
int toolkit_find(struct toolkit *t);

#endif
