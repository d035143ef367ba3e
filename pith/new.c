#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pith/command.h"
#include "template.h" /* TEMPLATE_MAIN, TEMPLATE_README: examples/greeter, by the Makefile */

enum { NAME_MAX_CHARS = 31 /* struct manifest's name */ };

/* The example's own name, wherever it occurs in the template. */
static const char placeholder[] = "greeter";

static const char ignore[] = "*.pith\n*.debug\n";

static bool good_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_CHARS || !islower((unsigned char)name[0]))
        return false;
    for (const char *c = name; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return true;
}

/* Writes `text` with the name put in; false: failed, errno says why. */
static bool write_file(const char *dir, const char *file, const char *text, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "wx");
    if (!f)
        return false;
    for (const char *next; (next = strstr(text, placeholder)); text = next + strlen(placeholder))
        fprintf(f, "%.*s%s", (int)(next - text), text, name);
    fputs(text, f);
    bool failed = ferror(f) != 0;
    return fclose(f) == 0 && !failed;
}

static void undo(const char *dir)
{
    static const char *const files[] = {"main.c", "README.md", ".gitignore"};
    char path[512];
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

static int run(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(command_new.help, stdout);
        return EXIT_OK;
    }
    if (argc != 2 || argv[1][0] == '-')
        return usage(&command_new, "one name is needed, as in `pith new hi`");
    const char *dir = argv[1], *slash = strrchr(dir, '/'), *name = slash ? slash + 1 : dir;
    if (strlen(dir) > 400 || !good_name(name))
        return usage(&command_new,
                     "'%s' is no name for an appliance: up to %d lower-case letters, digits, - and _, "
                     "a letter first",
                     name, NAME_MAX_CHARS);
    if (mkdir(dir, 0777) != 0)
        return errno == EEXIST ? fail("%s is there already: choose another name, or remove it", dir)
                               : fail("cannot make the directory %s: %s", dir, strerror(errno));
    if (!write_file(dir, "main.c", TEMPLATE_MAIN, name) ||
        !write_file(dir, "README.md", TEMPLATE_README, name) ||
        !write_file(dir, ".gitignore", ignore, name)) {
        int error = errno;
        undo(dir);
        return fail("cannot write into %s: %s", dir, strerror(error));
    }
    printf("%s is there: a small web service in %s/main.c. Next:\n\n"
           "    cd %s && pith build && pith run -p 8080:80\n",
           name, dir, dir);
    return EXIT_OK;
}

const struct command command_new = {
    .name = "new",
    .summary = "start an appliance of your own: a directory with a small web service",
    .help = "usage: pith new NAME\n"
            "\n"
            "Makes the directory NAME with main.c (a small web service with routes, a streamed body\n"
            "and a key), README.md and .gitignore. Then, in that directory:\n"
            "\n"
            "    pith build              makes NAME.pith\n"
            "    pith run -p 8080:80     serves http://127.0.0.1:8080/\n"
            "\n"
            "NAME is up to 31 lower-case letters, digits, - and _, and may have a path before it.\n"
            "\n"
            "exit status: 0 made; 1 it could not be (nothing is left behind); 2 bad command line\n",
    .run = run,
};
