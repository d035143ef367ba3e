/* `pith debug`: gdb on `pith run`, stopped at the image's first instruction with the
 * image's symbols loaded. process_mapped (host/process) is called with the address
 * that the image got, just before the sandbox closes; its symbols go there. With --host
 * kvm the command is gdb's remote target, and says itself where the image lies. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fmt.h"
#include "pith/command.h"
#include "pith/common.h"

enum { WORDS_MAX = 128 };

static const char help[] = "usage: pith debug [--gdb WORD]… IMAGE [as for pith run]\n"
                           "\n"
                           "Starts the appliance under gdb and stops at its first instruction. Symbols come\n"
                           "from NAME.debug beside NAME.pith; without that file, from the image, which has\n"
                           "functions but no lines. Each --gdb WORD is handed on to gdb, such as\n"
                           "--gdb -batch --gdb -ex --gdb backtrace.\n";

struct words {
    const char *w[WORDS_MAX];
    size_t n;
};

static void add(struct words *words, const char *word)
{
    if (words->n < WORDS_MAX - 1)
        words->w[words->n++] = word;
}

static void add_command(struct words *words, const char *command)
{
    add(words, "-ex");
    add(words, command);
}

/* The file with the debug information, if it is there; else the image itself. */
static const char *symbols_of(const char *image)
{
    static char path[PATH_MAX];
    return debug_path(image, SPAN_OF(path)) && access(path, R_OK) == 0 ? path : image;
}

/* Whether the words for `pith run` choose the kvm host. */
static bool on_kvm(int argc, char **argv)
{
    bool kvm = false;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--host=", 7) == 0)
            kvm = strcmp(argv[i] + 7, "kvm") == 0;
        else if (strcmp(argv[i], "--host") == 0 && i + 1 < argc)
            kvm = strcmp(argv[i + 1], "kvm") == 0;
    }
    return kvm;
}

/* A word for the shell that gdb starts: in quotes, each of its own outside of them. */
static void put_quoted(struct writer *w, const char *word)
{
    put_text(w, " '");
    for (; *word; word++) {
        if (*word == '\'')
            put_text(w, "'\\'");
        put_u8(w, (u8)*word);
    }
    put_u8(w, '\'');
}

/* "target remote | pith run …"; NULL: too long. */
static const char *remote_target(const char *self, int argc, char **argv)
{
    static char text[8 * PATH_MAX];
    struct writer w = writer_of(SPAN_OF(text));
    put_text(&w, "target remote |");
    put_quoted(&w, self);
    put_text(&w, " run");
    for (int i = 0; i < argc; i++)
        put_quoted(&w, argv[i]);
    put_text(&w, " --gdb");
    put_u8(&w, 0);
    return w.full ? NULL : text;
}

static int run(int argc, char **argv)
{
    static struct words words;
    static char load[PATH_MAX + 64], self[PATH_MAX];
    int next = 1;
    while (next + 1 < argc && strcmp(argv[next], "--gdb") == 0)
        next += 2;
    const char *image = next < argc ? find_image(argv[next]) : NULL;
    if (next >= argc)
        return usage(&command_debug, "which image?");
    if (!image)
        return EXIT_FAILED;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return fail("this command cannot be found: %s", strerror(errno));
    snprintf(load, sizeof load, "add-symbol-file -o $rdi \"%s\"", symbols_of(image));

    add(&words, "gdb");
    add(&words, "-q");
    add_command(&words, "set confirm off");
    bool kvm = on_kvm(argc - next, argv + next);
    if (kvm) {
        const char *target = remote_target(self, argc - next, argv + next);
        if (!target)
            return fail("the command line is too long");
        snprintf(load, sizeof load, "file \"%s\"", symbols_of(image));
        add_command(&words, load);
        add_command(&words, target);
    } else {
        add_command(&words, "tbreak *process_mapped");
        add_command(&words, "run");
        add_command(&words, load);
        add_command(&words, "tbreak guest_entry");
        add_command(&words, "continue");
    }
    for (int i = 1; i < next; i += 2)
        add(&words, argv[i + 1]);
    if (kvm) {
        execvp("gdb", (char *const *)words.w);
        return fail("gdb could not be started: %s; apt-get install gdb", strerror(errno));
    }
    add(&words, "--args");
    add(&words, self);
    add(&words, "run");
    for (; next < argc; next++)
        add(&words, argv[next]);
    execvp("gdb", (char *const *)words.w);
    return fail("gdb could not be started: %s; apt-get install gdb", strerror(errno));
}

const struct command command_debug = {
    .name = "debug",
    .summary = "gdb, stopped at an appliance's first instruction",
    .help = help,
    .run = run,
};
