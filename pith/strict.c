#include "pith/strict.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pith/command.h"
#include "pith/image.h"
#include "pith/rules.h"

enum { FILES_MAX = 1024 };

/* Files stay mapped, and their names allocated, as long as the rules look at them. */
struct reading {
    struct rules rules;
    struct mapped files[FILES_MAX];
    char *paths[FILES_MAX];
    size_t n;
};

static int add_file(struct reading *r, const char *dir, const char *name, enum rule_set set)
{
    char path[PATH_MAX];
    bool here = strcmp(dir, ".") == 0;
    int n = snprintf(path, sizeof path, "%s%s%s", here ? "" : dir, here ? "" : "/", name);
    if (n < 0 || (size_t)n >= sizeof path || r->n == FILES_MAX)
        return fail("%s: %s", dir, r->n == FILES_MAX ? "too many files" : "the path is too long");
    char *own = strdup(path);
    int code = own ? map_file(path, &r->files[r->n]) : fail("out of memory");
    if (code != EXIT_OK) {
        free(own);
        return code;
    }
    r->paths[r->n] = own;
    struct view bytes = r->files[r->n++].bytes;
    return rules_add(&r->rules, own, bytes, set) ? EXIT_OK : fail("out of memory");
}

static bool is_source(const char *name, enum rule_set set)
{
    struct view v = view_z(name);
    return name[0] != '.' &&
           (view_ends(v, VIEW(".h")) || (set != RULES_DECLARED && view_ends(v, VIEW(".c"))));
}

static int add_directory(struct reading *r, const char *dir, enum rule_set set)
{
    DIR *d = opendir(dir);
    int code = EXIT_OK;
    if (!d)
        return fail("%s: %s", dir, strerror(errno));
    for (struct dirent *e; code == EXIT_OK && (e = readdir(d)) != NULL;)
        if (is_source(e->d_name, set))
            code = add_file(r, dir, e->d_name, set);
    closedir(d);
    return code;
}

/* Libraries are directories of their own: lib/http. */
static int add_libraries(struct reading *r, const char *lib)
{
    DIR *d = opendir(lib);
    int code = EXIT_OK;
    if (!d)
        return fail("%s: %s", lib, strerror(errno));
    for (struct dirent *e; code == EXIT_OK && (e = readdir(d)) != NULL;) {
        char dir[2 * PATH_MAX];
        struct stat st;
        snprintf(dir, sizeof dir, "%s/%s", lib, e->d_name);
        if (e->d_name[0] != '.' && stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
            code = add_directory(r, dir, RULES_DECLARED);
    }
    closedir(d);
    return code;
}

/* What Pith's headers declare tells which functions answer an enum err. */
static int add_declared(struct reading *r, const char *include)
{
    static const char *const rooms[] = {"base", "sig", "fiber", "net", "store"};
    char dir[PATH_MAX + 16];
    int code = EXIT_OK;
    for (size_t i = 0; i < COUNT(rooms) && code == EXIT_OK; i++) {
        snprintf(dir, sizeof dir, "%s/%s", include, rooms[i]);
        code = add_directory(r, dir, RULES_DECLARED);
    }
    snprintf(dir, sizeof dir, "%s/lib", include);
    return code == EXIT_OK ? add_libraries(r, dir) : code;
}

int strict_check(const struct toolkit *t, const char *dir)
{
    static struct reading r;
    int code = add_directory(&r, dir, RULES_STRICT);
    if (code == EXIT_OK)
        code = add_declared(&r, t->include);
    if (code == EXIT_OK && !rules_check(&r.rules))
        code = fail("out of memory");
    for (size_t i = 0; i < r.rules.breaches_n && code == EXIT_OK; i++)
        fprintf(stderr, "%s:%u: %s\n", r.rules.breaches[i].path, r.rules.breaches[i].line,
                r.rules.breaches[i].what);
    if (code == EXIT_OK && r.rules.breaches_n > 0)
        code = fail("--strict: %zu %s; doc/safety.md has the rules", r.rules.breaches_n,
                    r.rules.breaches_n == 1 ? "breach of a rule" : "breaches of rules");
    rules_free(&r.rules);
    for (size_t i = 0; i < r.n; i++) {
        unmap_file(&r.files[i]);
        free(r.paths[i]);
    }
    return code;
}
