#include "pith/toolkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pith/command.h"

/* Absolute, since the compiler's messages name headers by it. */
static bool resolve(char out[PATH_MAX], const char *from, const char *tail)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", from, tail);
    return n > 0 && (size_t)n < sizeof path && realpath(path, out) != NULL;
}

static bool has_headers(const struct toolkit *t)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/sig/manifest.h", t->include);
    return access(path, R_OK) == 0;
}

int toolkit_find(struct toolkit *t)
{
    static const char *const places[][2] = {
        {"..", "lib/libpith.a"},
        {"../share/pith/include", "../lib/pith/libpith.a"},
    };
    const char *home = pith_home();
    for (size_t i = 0; i < COUNT(places); i++)
        if (resolve(t->include, home, places[i][0]) && has_headers(t) &&
            resolve(t->library, home, places[i][1]))
            return EXIT_OK;
    return fail("cannot find the headers and the library of Pith near %s; run `make` in its source tree, "
                "or install it with `make install`",
                home);
}
