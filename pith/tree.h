/* A directory's files as they would be served: paths from its root, in byte order.
 * Names that begin with a dot are left out, except /.well-known (RFC 8615), so no
 * .git or .env is published by accident. Symbolic links are followed as long as
 * they stay below the root. Says on standard error what it cannot read. */
#ifndef PITH_TREE_H
#define PITH_TREE_H

#include "base/types.h"

struct tree_file {
    char *name;     /* to open it; `path` is its tail */
    const char *path; /* "/css/site.css" */
    u64 size;
    i64 modified_s;
};

struct tree {
    struct tree_file *files;
    size_t n, room;
    size_t hidden; /* names left out */
    u64 size;      /* of all files together */
};

/* EXIT_OK, or an exit code: also where the file open as `output`, which the tree is to
 * be written to, lies in the directory. The tree is to be freed in either case. */
int tree_read(const char *dir, int output, struct tree *out);
void tree_free(struct tree *t);

#endif
