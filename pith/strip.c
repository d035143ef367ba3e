/* `pith strip`: an image without the names of its functions, for the field. */
#include <getopt.h>

#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};
    const char *out = NULL;
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":o:", options, NULL)) != -1;) {
        if (c != 'o')
            return bad_option(&command_strip, c, options, argv);
        out = optarg;
    }
    if (argc - optind != 1)
        return usage(&command_strip, "name one image");
    const char *path = out ? find_image(argv[optind]) : argv[optind];
    return path ? image_strip(path, out ? out : path) : EXIT_FAILED;
}

const struct command command_strip = {
    .name = "strip",
    .summary = "leave the names of functions out of an image",
    .help = "usage: pith strip IMAGE [-o FILE]\n"
            "\n"
            "Takes out of an image what only debuggers, profilers and crash reports look at,\n"
            "the names of its functions, and seals it again; with -o it writes another file.\n"
            "Its crash reports then tell addresses. Keep NAME.debug, which was made with the\n"
            "image: `pith symbolize NAME.debug <REPORT` puts functions and lines into them.\n",
    .run = run,
};
