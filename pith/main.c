/* pith: finds the command that is asked for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pith/command.h"
#include "pith/common.h"

static const struct command *const commands[] = {
    &command_run,     &command_build, &command_new,   &command_bundle,
    &command_inspect, &command_list,  &command_debug,
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

int main(int argc, char **argv)
{
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
        return commands[i]->run(argc - 1, argv + 1);
    }
    return unknown(argv[1]);
}
