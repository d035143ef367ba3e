#include "pith/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pith/command.h"
#include "wire/bundle.h"

enum { DEPTH_MAX = 64 };

struct walk {
    struct tree *tree;
    char root[PATH_MAX];  /* as resolved: links may not leave it */
    size_t given_n;       /* length of the directory's name as the user gave it */
    struct stat output;   /* what is being written */
};

/* A URL is UTF-8 (RFC 3987) and a log line has no line breaks. */
static bool is_servable_name(const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    while (*s) {
        if (*s < 0x20 || *s == 0x7f || (*s >= 0x80 && *s < 0xc2) || *s > 0xf4)
            return false;
        int more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
        for (s++; more > 0; more--, s++)
            if ((*s & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static int add_file(struct walk *w, const char *name, const struct stat *st)
{
    struct tree *t = w->tree;
    if (t->n == BUNDLE_FILES_MAX)
        return fail("%s: more than %d files; a bundle holds no more", name, BUNDLE_FILES_MAX);
    if (strlen(name + w->given_n) > BUNDLE_PATH_MAX)
        return fail("%s: the path is too long", name);
    if (t->n == t->room) {
        size_t room = t->room ? t->room * 2 : 64;
        struct tree_file *files = realloc(t->files, room * sizeof *files);
        if (!files)
            return fail("out of memory");
        t->files = files;
        t->room = room;
    }
    char *own = strdup(name);
    if (!own)
        return fail("out of memory");
    t->files[t->n++] = (struct tree_file){
        .name = own,
        .path = own + w->given_n,
        .size = (u64)st->st_size,
        .modified_s = st->st_mtim.tv_sec,
    };
    t->size += (u64)st->st_size;
    return EXIT_OK;
}

static bool is_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == 0 || strcmp(root, "/") == 0);
}

/* A link must stay below the root, and must not lead to a directory it lies in. */
static int check_link(const struct walk *w, const char *name)
{
    char target[PATH_MAX], here[PATH_MAX], parent[PATH_MAX];
    if (!realpath(name, target))
        return fail("%s: a symbolic link that leads nowhere; remove it or repair it", name);
    if (!is_below(target, w->root))
        return fail("%s: a symbolic link out of the directory, to %s; copy the file instead", name, target);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(name, '/') - name), name);
    if (!realpath(parent, here))
        return fail("%s: %s", parent, strerror(errno));
    if (is_below(here, target))
        return fail("%s: a symbolic link to a directory that holds it; remove it", name);
    return EXIT_OK;
}

static int walk(struct walk *w, char *name, unsigned depth);

static int visit(struct walk *w, char *name, unsigned depth)
{
    struct stat st;
    if (lstat(name, &st) < 0)
        return fail("%s: %s", name, strerror(errno));
    if (S_ISLNK(st.st_mode)) {
        int code = check_link(w, name);
        if (code != EXIT_OK)
            return code;
        if (stat(name, &st) < 0)
            return fail("%s: %s", name, strerror(errno));
    }
    if (S_ISDIR(st.st_mode))
        return walk(w, name, depth + 1);
    if (st.st_dev == w->output.st_dev && st.st_ino == w->output.st_ino)
        return fail("%s: the output would be put into itself; write it to a place outside", w->root);
    if (S_ISREG(st.st_mode))
        return add_file(w, name, &st);
    return fail("%s: not a regular file; a bundle holds files only", name);
}

static bool is_hidden(const struct walk *w, const char *parent, const char *entry)
{
    bool at_root = strlen(parent) == w->given_n;
    return entry[0] == '.' && !(at_root && strcmp(entry, ".well-known") == 0);
}

/* `name` has PATH_MAX bytes and is extended in place for what lies below it. */
static int walk(struct walk *w, char *name, unsigned depth)
{
    size_t n = strlen(name);
    if (depth > DEPTH_MAX)
        return fail("%s: more than %d directories deep", name, DEPTH_MAX);
    DIR *d = opendir(name);
    if (!d)
        return fail("%s: %s", name, strerror(errno));
    int code = EXIT_OK;
    for (struct dirent *e; code == EXIT_OK && (e = readdir(d)) != NULL; name[n] = 0) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (is_hidden(w, name, e->d_name)) {
            w->tree->hidden++;
            continue;
        }
        if (n + 1 + strlen(e->d_name) >= PATH_MAX)
            code = fail("%s/%s: the path is too long", name, e->d_name);
        else if (!is_servable_name(e->d_name))
            code = fail("%s: has a file whose name is not UTF-8 or has control characters; rename it", name);
        else {
            name[n] = '/';
            strcpy(name + n + 1, e->d_name);
            code = visit(w, name, depth);
        }
    }
    closedir(d);
    return code;
}

static int by_path(const void *a, const void *b)
{
    const struct tree_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

int tree_read(const char *dir, int output, struct tree *out)
{
    struct walk w = {.tree = out};
    char name[PATH_MAX];
    *out = (struct tree){0};
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (n >= sizeof name)
        return fail("%.60s…: the path is too long", dir);
    snprintf(name, sizeof name, "%.*s", (int)n, dir);
    if (!realpath(name, w.root))
        return fail("%s: %s", dir, strerror(errno));
    if (fstat(output, &w.output) < 0)
        return fail("the output cannot be written: %s", strerror(errno));
    w.given_n = strlen(name);
    int code = walk(&w, name, 0);
    if (code != EXIT_OK)
        return code;
    if (out->n == 0)
        return fail("%s: holds no files to serve", dir);
    qsort(out->files, out->n, sizeof *out->files, by_path);
    return EXIT_OK;
}

void tree_free(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->files[i].name);
    free(t->files);
    *t = (struct tree){0};
}
