#include "pith/bundle.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/listing.h"
#include "pith/output.h"

struct arguments {
    struct bundle_options options;
    const char *out;
    bool list, check, json, quiet;
};

enum option_code { OPT_LIST = 256, OPT_CHECK, OPT_JSON, OPT_EPOCH, OPT_LEVEL };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"list", no_argument, NULL, OPT_LIST},
    {"check", no_argument, NULL, OPT_CHECK},
    {"json", no_argument, NULL, OPT_JSON},
    {"epoch", required_argument, NULL, OPT_EPOCH},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"quiet", no_argument, NULL, 'q'},
    {0},
};

static int take_epoch(struct arguments *a, const char *text, const char *from)
{
    if (view_to_u64(view_z(text), &a->options.epoch_s) != OK)
        return usage(&command_bundle, "%s is seconds since 1970, not \"%s\"", from, text);
    a->options.has_epoch = true;
    return EXIT_OK;
}

static int take_option(struct arguments *a, int code, char **argv)
{
    u64 level;
    switch (code) {
    case 'o':
        a->out = optarg;
        return EXIT_OK;
    case 'q':
        a->quiet = true;
        return EXIT_OK;
    case OPT_LIST:
        a->list = true;
        return EXIT_OK;
    case OPT_CHECK:
        a->check = true;
        return EXIT_OK;
    case OPT_JSON:
        a->json = true;
        return EXIT_OK;
    case OPT_EPOCH:
        return take_epoch(a, optarg, "--epoch");
    case OPT_LEVEL:
        if (view_to_u64(view_z(optarg), &level) != OK || level > 9)
            return usage(&command_bundle, "--level is 0 (no gzip) to 9, not \"%s\"", optarg);
        a->options.gzip_level = (int)level;
        return EXIT_OK;
    default:
        return bad_option(&command_bundle, code, long_options, argv);
    }
}

/* The bundle in a file that is one, or an image with one. */
static int open_bundle(const char *path, struct image *image)
{
    struct mapped file;
    int code = map_file(path, &file);
    if (code != EXIT_OK)
        return code;
    if (!bundle_is(file.bytes)) {
        code = image_decode(image, path, file);
        if (code == EXIT_OK && image->bundle.n == 0)
            code = fail("%s: has no bundle; add one with `pith bundle %s DIR -o FILE`", path, path);
    } else {
        *image = (struct image){.path = path, .file = file, .bundle = file.bytes};
        code = bundle_check(path, image->bundle, &image->bundle_header);
    }
    if (code != EXIT_OK)
        unmap_file(&file);
    return code;
}

static void print_listing(const struct image *image, bool json)
{
    if (!json) {
        listing_print(image->bundle, &image->bundle_header);
        return;
    }
    printf("{\n  \"size\": %zu,\n  \"files\": ", image->bundle.n);
    listing_print_json(image->bundle, &image->bundle_header);
    printf("\n}\n");
}

static int look_at(const char *name, const struct arguments *a)
{
    struct image image;
    const char *path = find_image(name);
    if (!path)
        return EXIT_FAILED;
    int code = open_bundle(path, &image);
    if (code != EXIT_OK)
        return code;
    if (a->check && bundle_verify(image.bundle, &image.bundle_header) != OK)
        code = fail("%s: a file in it is damaged; make it again with `pith bundle`", path);
    else if (a->list)
        print_listing(&image, a->json);
    else if (!a->quiet)
        printf("%s: %u files, every byte is as it was made\n", path, image.bundle_header.files);
    image_close(&image);
    return code;
}

static int write_bundle(const char *dir, const struct arguments *a)
{
    struct output o;
    u64 size;
    int code = output_open(&o, a->out, 0644);
    if (code != EXIT_OK)
        return code;
    code = bundle_write(dir, &a->options, o.fd, 0, &size);
    if (code == EXIT_OK)
        return output_commit(&o);
    output_abandon(&o);
    return code;
}

static int add_bundle(const char *name, const char *dir, const struct arguments *a)
{
    struct image image;
    const char *path = find_image(name);
    if (!path)
        return EXIT_FAILED;
    int code = image_open(&image, path);
    if (code != EXIT_OK)
        return code;
    code = image_with_bundle(&image, dir, &a->options, a->out);
    image_close(&image);
    return code;
}

static int tell_result(const struct arguments *a)
{
    struct image image;
    int code = open_bundle(a->out, &image);
    if (code != EXIT_OK)
        return code;
    if (a->json)
        print_listing(&image, true);
    else if (!a->quiet)
        printf("%s: %u files, %s\n", a->out, image.bundle_header.files, human_size(image.file.bytes.n));
    image_close(&image);
    return code;
}

static int run_bundle(int argc, char **argv)
{
    struct arguments a = {.options = bundle_sealed};
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    int code = epoch ? take_epoch(&a, epoch, "SOURCE_DATE_EPOCH") : EXIT_OK;
    opterr = 0;
    optind = 1;
    for (int c; code == EXIT_OK && (c = getopt_long(argc, argv, ":o:q", long_options, NULL)) != -1;)
        code = take_option(&a, c, argv);
    if (code != EXIT_OK)
        return code;
    int names = argc - optind;
    if (a.list || a.check) {
        if (names != 1)
            return usage(&command_bundle, "name one bundle or image to look at");
        return look_at(argv[optind], &a);
    }
    if (names < 1 || names > 2)
        return usage(&command_bundle, "name a directory, or an image and a directory");
    if (!a.out)
        return usage(&command_bundle, "name the file to write with -o FILE");
    code = names == 1 ? write_bundle(argv[optind], &a) : add_bundle(argv[optind], argv[optind + 1], &a);
    return code == EXIT_OK ? tell_result(&a) : code;
}

const struct command command_bundle = {
    .name = "bundle",
    .summary = "put a directory of files into an image, or into a file of its own",
    .help = "usage: pith bundle DIR -o FILE            the files below DIR as a bundle\n"
            "       pith bundle IMAGE DIR -o FILE      IMAGE with these files in it\n"
            "       pith bundle --list FILE            what is in a bundle or an image\n"
            "       pith bundle --check FILE           is every byte of it as it was made?\n"
            "\n"
            "A bundle holds files with all that HTTP wants of them: media types, strong\n"
            "ETags, times, response heads, and gzip variants where they are at least a\n"
            "tenth smaller. No compiler is needed. IMAGE is a file or a name that\n"
            "`pith list` shows; the result runs with `pith run FILE`.\n"
            "\n"
            "  -o, --output FILE   where to write; appears whole or not at all\n"
            "      --level N       gzip level 1 to 9, or 0 for no gzip (9)\n"
            "      --epoch S       no file is newer than S seconds since 1970 (SOURCE_DATE_EPOCH)\n"
            "      --json          list as JSON\n"
            "  -q, --quiet         say nothing when all is well\n"
            "\n"
            "Names beginning with a dot are left out, except /.well-known. Symbolic links\n"
            "are followed within DIR. The same files give the same bytes.\n",
    .run = run_bundle,
};
