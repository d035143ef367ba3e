/* `pith list`: the catalogue, which is the images beside the command. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/listing.h"

static const char help[] =
    "usage: pith list [--json]\n"
    "\n"
    "Lists the images of the catalogue: name, size of the file, memory it asks for and\n"
    "what it is. Run one with `pith run NAME`.\n";

static int is_image(const struct dirent *d)
{
    return d->d_name[0] != '.' && view_ends(view_z(d->d_name), VIEW(".pith"));
}

static void show(const struct image *i, const char *name, bool json, bool first)
{
    const struct manifest *m = &i->manifest.about;
    if (!json) {
        printf("%-12s %6zu KiB  %6u KiB  %s\n", name, (i->file.bytes.n + 1023) / 1024, m->mem_kib, m->about);
        return;
    }
    printf("%s\n  {\"name\": ", first ? "" : ",");
    print_json_text(view_z(name));
    printf(", \"image_bytes\": %zu, \"mem_kib\": %u, \"mem_min_kib\": %u, \"about\": ", i->file.bytes.n,
           m->mem_kib, m->mem_min_kib);
    print_json_text(view_z(m->about));
    putchar('}');
}

static int run(int argc, char **argv)
{
    static struct image image;
    struct dirent **names;
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int shown = 0;
    if (argc > 1 + json)
        return usage(&command_list, "there is no option %s", argv[1 + json]);
    int n = scandir(catalogue_dir(), &names, is_image, alphasort);
    if (n < 0)
        return fail("%s cannot be read", catalogue_dir());
    if (json)
        printf("[");
    else if (n > 0)
        printf("%-12s %10s  %10s  %s\n", "NAME", "IMAGE", "MEMORY", "WHAT IT IS");
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX + NAME_MAX];
        snprintf(path, sizeof path, "%s/%s", catalogue_dir(), names[i]->d_name);
        names[i]->d_name[strlen(names[i]->d_name) - strlen(".pith")] = 0;
        if (image_open(&image, path) == EXIT_OK) {
            show(&image, names[i]->d_name, json, shown == 0);
            shown++;
            image_close(&image);
        }
        free(names[i]);
    }
    free(names);
    if (json)
        printf("\n]\n");
    return shown == n ? EXIT_OK : EXIT_FAILED;
}

const struct command command_list = {
    .name = "list",
    .summary = "the images of the catalogue",
    .help = help,
    .run = run,
};
