#include "pith/common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/fmt.h"
#include "base/num.h"
#include "host/process/process.h"
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

int bad_option(const struct command *c, int answer, const struct option *known, char **argv)
{
    if (answer != ':')
        return usage(c, "there is no option %s", argv[optind - 1]);
    while (known->val != optopt) /* argv is in disorder then */
        known++;
    return usage(c, "--%s needs a value", known->name);
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
        snprintf(dir, sizeof dir, "%s/../lib/pith/images", pith_home());
        if (access(dir, X_OK) != 0)
            snprintf(dir, sizeof dir, "%s", pith_home());
    }
    return dir;
}

/* dir/NAME.pith in `path`, empty when that is too long. Not by snprintf, whose pages
 * a start would touch for nothing else. */
static const char *image_in(struct span path, struct view dir, struct view name)
{
    struct writer w = writer_of(path);
    put_bytes(&w, dir);
    put_u8(&w, '/');
    put_bytes(&w, name);
    put_bytes(&w, VIEW(".pith\0"));
    return w.full ? "" : (const char *)path.p;
}

bool debug_path(const char *image, struct span out)
{
    struct writer w = writer_of(out);
    struct view stem = view_z(image);
    if (view_ends(stem, VIEW(".pith")))
        stem = view_first(stem, stem.n - strlen(".pith"));
    put_bytes(&w, stem);
    put_bytes(&w, VIEW(".debug\0"));
    return !w.full;
}

const char *visible(struct view text)
{
    static u8 texts[2][4096];
    static unsigned next;
    struct writer w = writer_of((struct span){texts[next % 2], sizeof texts[0] - 1});
    put_visible(&w, text);
    texts[next % 2][w.n] = 0;
    return (const char *)texts[next++ % 2];
}

/* The directory of the path this command was started by; empty where that was no
 * path, or leads through a link: pith_home knows better, but asks the kernel. */
static struct view started_from(void)
{
    const char *self = (const char *)getauxval(AT_EXECFN), *slash = self ? strrchr(self, '/') : NULL;
    return slash ? (struct view){(const u8 *)self, (size_t)(slash - self)} : VIEW_NONE;
}

/* A word without a slash is first looked up beside the command, which costs no
 * search; a file of that name in the current directory is found as ./NAME. */
int open_image(const char *name, const char **path)
{
    enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK };
    struct view word = view_z(name), from = started_from();
    START_BSS static u8 usual[256];
    static u8 longest[PATH_MAX];
    bool bare = view_find(word, '/') == word.n;
    int fd = -1;
    errno = ENOENT;
    if (bare && from.n > 0)
        fd = open(*path = image_in(SPAN_OF(usual), from, word), FLAGS);
    if (bare && fd < 0 && errno == ENOENT)
        fd = open(*path = image_in(SPAN_OF(longest), view_z(pith_home()), word), FLAGS);
    if (bare && fd < 0 && errno == ENOENT)
        fd = open(*path = image_in(SPAN_OF(longest), view_z(catalogue_dir()), word), FLAGS);
    if (fd < 0 && errno == ENOENT)
        fd = open(*path = name, FLAGS);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        fail("%s: %s", *path, strerror(errno));
    else if (strchr(name, '/') || view_ends(word, VIEW(".pith")))
        fail("%s: there is no such image; `pith build` makes one", name);
    else
        fail("there is no image %s; `pith list` shows the catalogue", name);
    return -1;
}

const char *find_image(const char *name)
{
    const char *path;
    int fd = open_image(name, &path);
    if (fd < 0)
        return NULL;
    close(fd);
    return path;
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
    size_t d = distance(n->word, candidate), allowed = 1 + strlen(n->word) / 3;
    if (d <= allowed && (!n->best || d < n->distance)) {
        n->best = candidate;
        n->distance = d;
    }
}
