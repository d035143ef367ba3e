#include "pith/pack.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pith/command.h"
#include "pith/common.h"
#include "pith/listing.h"
#include "pith/metal_file.h"
#include "pith/output.h"
#include "pith/run.h"

enum { WORDS_MAX = 512 };

/* `beside`: the file for boot loaders is written as well, as NAME.elf. */
static const struct format {
    const char *name, *what;
    bool beside;
    int (*make)(const struct packing *p); /* NULL: that file is all */
} formats[] = {
    {"elf", "boots by PVH or Multiboot2", false, NULL},
    {"raw", "a disk; write it to a device, or start a machine from it", false, pack_raw},
    {"qcow2", "a disk for QEMU and its relatives", false, pack_qcow2},
    {"libvirt", "start it with `virsh create`", true, pack_libvirt},
    {"firecracker", "start it with `firecracker --no-api --config-file`", true, pack_firecracker},
};

/* The words that are this command's own; the rest are those of `pith run`. */
struct arguments {
    const char *out;
    const struct format *format;
    bool json;
    char *rest[WORDS_MAX + 1];
    int rest_n;
};

static int take_format(struct arguments *a, const char *name)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (strcmp(name, formats[i].name) == 0) {
            a->format = &formats[i];
            return EXIT_OK;
        }
    return usage(&command_pack, "--format %s: it is elf, raw, qcow2, libvirt or firecracker", name);
}

/* The value of `name`, from this word ("--name=value") or the next one; NULL: another word. */
static const char *value_of(int argc, char **argv, int *i, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    if (argv[*i][n] != 0)
        return NULL;
    return ++*i < argc ? argv[*i] : "";
}

static int take_words(struct arguments *a, int argc, char **argv)
{
    if (argc > WORDS_MAX)
        return usage(&command_pack, "too many words");
    for (int i = 0; i < argc; i++) {
        const char *format = value_of(argc, argv, &i, "--format");
        const char *out = format ? NULL : value_of(argc, argv, &i, "--output");
        out = format || out ? out : value_of(argc, argv, &i, "-o");
        if (format) {
            int code = take_format(a, format);
            if (code != EXIT_OK)
                return code;
        } else if (out) {
            a->out = out;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else {
            a->rest[a->rest_n++] = argv[i];
        }
    }
    return EXIT_OK;
}

static int write_elf(const struct packing *p)
{
    struct output o;
    int code = output_open(&o, p->elf, 0644);
    if (code != EXIT_OK)
        return code;
    code = metal_file_write(p->plan, p->elf, o.fd);
    if (code == EXIT_OK)
        return output_commit(&o);
    output_abandon(&o);
    return code;
}

/* NAME.elf beside NAME.xml, NAME.json. */
static int name_beside(const char *out, char path[PATH_MAX])
{
    const char *slash = strrchr(out, '/'), *dot = strrchr(slash ? slash : out, '.');
    int stem = dot && dot > (slash ? slash + 1 : out) ? (int)(dot - out) : (int)strlen(out);
    if (snprintf(path, PATH_MAX, "%.*s.elf", stem, out) >= PATH_MAX)
        return fail("%.60s…: the path is too long", out);
    return strcmp(path, out) != 0 ? EXIT_OK : fail("%s: is what the machine's own file will be called", out);
}

static void tell(const struct arguments *a, const struct packing *p)
{
    struct stat st = {0};
    stat(a->out, &st);
    if (a->json) {
        printf("{\"file\": ");
        print_json_text(view_z(a->out));
        printf(", \"format\": \"%s\", \"bytes\": %lld, \"machine_mib\": %llu", a->format->name,
               (long long)st.st_size, (unsigned long long)p->memory_mib);
        if (a->format->beside) {
            printf(", \"elf\": ");
            print_json_text(view_z(p->elf));
        }
        printf("}\n");
        return;
    }
    printf("%s: %s, for a machine with %llu MiB; %s\n", a->out, human_size((u64)st.st_size),
           (unsigned long long)p->memory_mib, a->format->what);
}

static int run(int argc, char **argv)
{
    static struct arguments a;
    static char beside[PATH_MAX];
    struct packing p = {0};
    a.format = &formats[0];
    int code = take_words(&a, argc, argv);
    if (code == EXIT_OK)
        code = run_prepare(&command_pack, a.rest_n, a.rest, &p.plan);
    if (code != EXIT_OK || !p.plan)
        return code;
    if (!a.out || !a.out[0])
        return usage(&command_pack, "name the file to write with -o FILE");
    p.out = p.elf = a.out;
    p.memory_mib = metal_file_memory_mib(p.plan);
    if (a.format->beside) {
        code = name_beside(a.out, beside);
        p.elf = beside;
    }
    if (code == EXIT_OK && (a.format->beside || !a.format->make))
        code = write_elf(&p);
    if (code == EXIT_OK && a.format->make)
        code = a.format->make(&p);
    if (code == EXIT_OK)
        tell(&a, &p);
    return code;
}

const struct command command_pack = {
    .name = "pack",
    .summary = "make a bootable file of an appliance, for machines without pith",
    .help = "usage: pith pack [IMAGE] [DATA] -o FILE [--format FORMAT] [--KEY VALUE …] [--mem SIZE]\n"
            "\n"
            "Puts an image, its data and its settings into one file that a virtual machine\n"
            "boots: a keel and drivers for virtio devices, and above them the image as it is.\n"
            "IMAGE, DATA, keys and --mem are those of `pith run`.\n"
            "\n"
            "  --format elf          a file for boot loaders, by PVH or Multiboot2 (default):\n"
            "                        QEMU's -kernel, Cloud Hypervisor's --kernel, GRUB\n"
            "  --format raw          a disk that BIOS and UEFI start from; GRUB on it is taken from\n"
            "                        Debian's grub-pc-bin and grub-efi-amd64-bin\n"
            "  --format qcow2        the same as a qcow2 file\n"
            "  --format libvirt      a domain for `virsh create`, and NAME.elf beside it\n"
            "  --format firecracker  a configuration for firecracker, and NAME.elf beside it\n"
            "  -o, --output FILE     where to write; appears whole or not at all\n"
            "      --json            what was written, as JSON\n"
            "\n"
            "To try it here: pith run IMAGE --host qemu.\n",
    .run = run,
};
