#include "pith/common.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/view.h"
#include "pith/command.h"

int fail(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "pith: %s\n", line);
    return EXIT_FAILED;
}

int usage(const struct command *c, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "pith: %s (see `pith %s --help`)\n", line, c->name);
    return EXIT_USAGE;
}

const char *pith_home(void)
{
    static char home[PATH_MAX];
    if (home[0])
        return home;
    ssize_t n = readlink("/proc/self/exe", home, sizeof home - 1);
    if (n <= 0)
        return strcpy(home, ".");
    home[n] = 0;
    char *slash = strrchr(home, '/');
    slash[slash == home] = 0;
    return home;
}

const char *catalogue_dir(void)
{
    static char dir[PATH_MAX + 32];
    if (!dir[0]) {
        snprintf(dir, sizeof dir, "%s/../lib/pith/images/", pith_home());
        if (access(dir, X_OK) != 0)
            snprintf(dir, sizeof dir, "%s/", pith_home());
    }
    return dir;
}

/* A word without a slash is first looked up beside the command, which costs no
 * search; a file of that name in the current directory is found as ./NAME. */
const char *find_image(const char *name)
{
    static char path[PATH_MAX + NAME_MAX];
    if (!strchr(name, '/')) {
        snprintf(path, sizeof path, "%s/%s.pith", pith_home(), name);
        if (access(path, R_OK) == 0)
            return path;
        snprintf(path, sizeof path, "%s%s.pith", catalogue_dir(), name);
        if (access(path, R_OK) == 0)
            return path;
    }
    if (access(name, F_OK) == 0)
        return name;
    if (strchr(name, '/') || view_ends(view_z(name), VIEW(".pith")))
        fail("%s: there is no such image; `pith build` makes one", name);
    else
        fail("there is no image %s; `pith list` shows the catalogue", name);
    return NULL;
}

const char *find_local_image(void)
{
    static char found[NAME_MAX + 1];
    DIR *dir = opendir(".");
    int n = 0;
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (d->d_name[0] != '.' && view_ends(view_z(d->d_name), VIEW(".pith"))) {
            strcpy(found, d->d_name);
            n++;
        }
    if (dir)
        closedir(dir);
    return n == 1 ? found : NULL;
}

/* The number of letters to insert, delete or change (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    size_t row[LONGEST + 1], n = strlen(b);
    if (strlen(a) > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (a[i] != b[j]), one_more = MIN(row[j], row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = MIN(change, one_more);
        }
    }
    return row[n];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t d = distance(n->word, candidate), allowed = 1 + strlen(n->word) / 4;
    if (d <= allowed && (!n->best || d < n->distance)) {
        n->best = candidate;
        n->distance = d;
    }
}
