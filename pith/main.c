/* pith: finds the command that is asked for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host/version.h"
#include "pith/command.h"
#include "pith/common.h"

static const struct command *const commands[] = {
    &command_run,  &command_build, &command_new,       &command_bundle, &command_inspect,
    &command_list, &command_debug, &command_symbolize, &command_strip,  &command_pack,
};

static const char head[] = "pith: small sealed appliances, run as one file\n"
                           "\n"
                           "usage: pith COMMAND …\n"
                           "\n";

static const char tail[] =
    "\n"
    "`pith COMMAND --help` explains each; `pith run NAME --help` shows the keys of an\n"
    "appliance. Start with: pith run hello\n";

static int help(int out, int code)
{
    dprintf(out, "%s", head);
    for (size_t i = 0; i < COUNT(commands); i++)
        dprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    dprintf(out, "%s", tail);
    return code;
}

static int unknown(const char *word)
{
    struct nearest n = {.word = word};
    for (size_t i = 0; i < COUNT(commands); i++)
        nearest_try(&n, commands[i]->name);
    if (n.best)
        fail("there is no command %s; did you mean `pith %s`?", word, n.best);
    else
        fail("there is no command %s; `pith --help` lists them", word);
    return EXIT_USAGE;
}

/* `pith NAME --help`. With more words before it, the command's own affair. */
static bool wants_help(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

/* Where one of the standard descriptors is closed, the next file to be opened would be
 * taken for it: an image's console would be its network. */
static bool take_standard_descriptors(void)
{
    struct pollfd fds[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
    if (poll(fds, COUNT(fds), 0) <= 0)
        return true;
    for (size_t i = 0; i < COUNT(fds); i++)
        if ((fds[i].revents & POLLNVAL) && open("/dev/null", O_RDWR) < 0)
            return false;
    return true;
}

/* What a command printed has arrived, or the command has failed: a script would
 * otherwise go on with a part of it. */
static int arrived(int code)
{
    if (fflush(stdout) == 0 || code != EXIT_OK)
        return code;
    return fail("the output could not be written: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    if (!take_standard_descriptors())
        return EXIT_FAILED;
    if (argc < 2)
        return help(STDERR_FILENO, EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help(STDOUT_FILENO, EXIT_OK);
    if (strcmp(argv[1], "--version") == 0) {
        dprintf(STDOUT_FILENO, "pith %s\n", PITH_VERSION);
        return EXIT_OK;
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strcmp(commands[i]->name, argv[1]) != 0)
            continue;
        if (wants_help(argc - 1, argv + 1)) {
            dprintf(STDOUT_FILENO, "%s", commands[i]->help);
            return EXIT_OK;
        }
        return arrived(commands[i]->run(argc - 1, argv + 1));
    }
    return unknown(argv[1]);
}
