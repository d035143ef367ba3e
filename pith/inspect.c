#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/listing.h"
#include "pith/symbols.h"

struct arguments {
    bool json, symbols, bundle;
    const char *why;
};

/* Bytes in the file and in memory of a room, or of all there is. */
struct room_size {
    const char *room;
    u64 code, data, zero; /* data: constants and initial values; zero: memory only */
};

enum { ROOMS_MAX = 16, GUARD_KIB = 4 };

static struct room_size *room_named(struct room_size rooms[ROOMS_MAX], size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(rooms[i].room, name) == 0)
            return &rooms[i];
    must(*n < ROOMS_MAX);
    rooms[*n] = (struct room_size){.room = name};
    return &rooms[(*n)++];
}

static int by_size(const void *a, const void *b)
{
    const struct room_size *x = a, *y = b;
    u64 m = x->code + x->data, n = y->code + y->data;
    return m > n ? -1 : m < n;
}

static size_t sum_rooms(const struct symbols *s, struct room_size rooms[ROOMS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < s->s.n; i++) {
        const struct sized_symbol *y = &s->s.p[i];
        struct room_size *r = room_named(rooms, &n, y->room[0] ? y->room : "(unknown)");
        if (y->code)
            r->code += y->size;
        else if (y->in_file)
            r->data += y->size;
        else
            r->zero += y->size;
    }
    qsort(rooms, n, sizeof rooms[0], by_size);
    return n;
}

/* What the loader maps: code and data, the file's and the zero part. */
static u64 mapped_bytes(const struct image *i)
{
    u64 n = 0;
    for (u32 k = 0; k < i->elf.segments_n; k++)
        n += align_up(i->elf.segments[k].mem_n, ELF_PAGE);
    return n;
}

static u64 worst_case(const struct image *i)
{
    return mapped_bytes(i) + (u64)i->manifest.about.mem_kib * 1024 + i->bundle.n;
}

static void hex_build_id(const struct image *i, char out[64])
{
    struct view id = elf_build_id(&i->elf);
    size_t n = 0;
    out[0] = 0;
    for (size_t k = 0; k < id.n && n + 3 < 64; k++)
        n += (size_t)snprintf(out + n, 64 - n, "%02x", view_at(id, k));
}

static void print_keys(const struct manifest_whole *m)
{
    if (m->keys_n > 0)
        printf("keys\n");
    for (u32 k = 0; k < m->keys_n; k++) {
        const struct manifest_key *key = &m->keys[k];
        printf("  --%-16s %-9s %-10s %s\n", key->name, key_type_name(key->type),
               key->fallback[0] ? key->fallback : "-", key->help);
    }
}

static void print_memory(const struct image *i)
{
    const struct manifest_whole *m = &i->manifest;
    const struct manifest *a = &m->about;
    u64 windows = 0;
    for (u32 k = 0; k < m->devices_n; k++)
        windows += m->devices[k].rx_kib;
    printf("memory, at most %s\n", human_size(worst_case(i)));
    printf("  %-10s code and data of the image\n", human_size(mapped_bytes(i)));
    printf("  %-10s memory it is given (--mem); it boots with %s\n", human_size((u64)a->mem_kib * 1024),
           human_size((u64)a->mem_min_kib * 1024));
    printf("  %-10s   of it for %" PRIu32 " fibers of %" PRIu32 " KiB and a guard page each\n",
           human_size((u64)(a->fibers + 1) * (a->stack_kib + GUARD_KIB) * 1024), a->fibers + 1, a->stack_kib);
    if (windows > 0)
        printf("  %-10s   of it for what devices receive\n", human_size(windows * 1024));
    if (i->bundle.n > 0)
        printf("  %-10s bundle, read from the file as needed\n", human_size(i->bundle.n));
}

static void print_about(const struct image *i)
{
    const struct manifest_whole *m = &i->manifest;
    char id[64];
    hex_build_id(i, id);
    printf("%s: %s\n", m->about.name, m->about.about);
    printf("  %-10s %s\n", human_size(i->file.bytes.n), i->path);
    printf("  build id   %s, sealed and undamaged\n", id);
    if (m->about.flags & MANIFEST_BUNDLE)
        printf("  data       %s\n", i->bundle.n > 0
                                        ? "its own bundle (--bundle lists it), or one given to run"
                                        : "needed: pith run IMAGE DIR");
    printf("devices%s\n", m->devices_n == 0 ? ": none" : "");
    for (u32 k = 0; k < m->devices_n; k++) {
        const struct manifest_device *d = &m->devices[k];
        if (d->kind == DEVICE_BLOCK)
            printf("  %-10s disk\n", d->name);
        else
            printf("  %-10s network, receives into %" PRIu32 " KiB\n", d->name, d->rx_kib);
    }
    printf("limits\n  %" PRIu32 " TCP connections, %" PRIu32 " fibers besides the first\n",
           m->about.connections, m->about.fibers);
    print_memory(i);
    print_keys(m);
}

/* What the symbols' own table and names take. */
static u64 symbol_bytes(const struct image *i)
{
    struct elf_symbols s;
    return elf_symbols(&i->elf, &s) == OK ? s.table.n + s.names.n : 0;
}

static void print_rooms(const struct image *i, const struct symbols *s)
{
    struct room_size rooms[ROOMS_MAX];
    size_t n = sum_rooms(s, rooms);
    u64 total = 0;
    if (s->missing[0]) {
        printf("rooms: not known: %s\n", s->missing);
        return;
    }
    printf("rooms %15s %10s %10s\n", "code", "data", "zeroed");
    for (size_t k = 0; k < n; k++) {
        printf("  %-12s %7" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", rooms[k].room, rooms[k].code,
               rooms[k].data, rooms[k].zero);
        total += rooms[k].code + rooms[k].data;
    }
    u64 names = symbol_bytes(i);
    printf("  %7" PRIu64 " bytes of symbols, for crash reports and debuggers\n", names);
    printf("  %7" PRIu64 " bytes of texts, headers, padding and the seal\n",
           sat_sub(i->file.bytes.n - i->bundle.n, total + names));
}

static int larger_first(const void *a, const void *b)
{
    const struct sized_symbol *x = a, *y = b;
    return x->size > y->size ? -1 : x->size < y->size;
}

static void print_symbols(struct symbols *s)
{
    qsort(s->s.p, s->s.n, sizeof s->s.p[0], larger_first);
    printf("%8s  %-6s %-28s %s\n", "bytes", "kind", "symbol", "file");
    for (size_t i = 0; i < s->s.n; i++) {
        const struct sized_symbol *y = &s->s.p[i];
        printf("%8" PRIu64 "  %-6s %-28s %s\n", y->size,
               y->code      ? "code"
               : y->in_file ? "data"
                            : "zeroed",
               visible(y->name),
               y->file[0]   ? visible(view_z(y->file))
               : y->room[0] ? y->room
                            : "-");
    }
    if (s->missing[0])
        printf("files are not known: %s\n", s->missing);
}

static int print_why(const struct image *i, const struct symbols *s, const char *name)
{
    const struct sized_symbol *y = NULL;
    for (size_t k = 0; k < s->s.n && !y; k++)
        if (view_eq(s->s.p[k].name, view_z(name)))
            y = &s->s.p[k];
    if (!y)
        return fail("%s: has no symbol %s; it is not there, or was inlined where it is used", i->path, name);
    printf("%s: %" PRIu64 " bytes of %s, from %s\nused by\n", name, y->size,
           y->code      ? "code"
           : y->in_file ? "data"
                        : "zeroed memory",
           y->file[0]      ? visible(view_z(y->file))
           : s->missing[0] ? "a file that is not known"
                           : y->room);
    int n = symbols_print_references(i, s, y);
    if (n < 0)
        return fail("llvm-objdump-19 does not run: apt-get install llvm-19");
    if (n == 0)
        printf("  nothing by name: it is where the image starts, or reached through a table\n");
    return EXIT_OK;
}

static void json_text(const char *name, const char *value)
{
    printf("  \"%s\": ", name);
    print_json_text(view_z(value));
    printf(",\n");
}

static void json_keys(const struct manifest_whole *m)
{
    printf("  \"keys\": [");
    for (u32 k = 0; k < m->keys_n; k++) {
        const struct manifest_key *key = &m->keys[k];
        printf("%s\n    {\"name\": \"%s\", \"type\": \"%s\", \"default\": ", k > 0 ? "," : "", key->name,
               key_type_name(key->type));
        print_json_text(view_z(key->fallback));
        printf(", \"help\": ");
        print_json_text(view_z(key->help));
        printf("}");
    }
    printf("%s],\n", m->keys_n > 0 ? "\n  " : "");
}

static void json_rooms(const struct symbols *s)
{
    struct room_size rooms[ROOMS_MAX];
    size_t n = sum_rooms(s, rooms);
    if (s->missing[0]) {
        printf("  \"rooms\": null");
        return;
    }
    printf("  \"rooms\": {");
    for (size_t k = 0; k < n; k++)
        printf("%s\n    \"%s\": {\"code\": %" PRIu64 ", \"data\": %" PRIu64 ", \"zeroed\": %" PRIu64 "}",
               k > 0 ? "," : "", rooms[k].room, rooms[k].code, rooms[k].data, rooms[k].zero);
    printf("\n  }");
}

static void json_symbols(const struct symbols *s)
{
    printf(",\n  \"symbols\": [");
    for (size_t i = 0; i < s->s.n; i++) {
        const struct sized_symbol *y = &s->s.p[i];
        printf("%s\n    {\"name\": ", i > 0 ? "," : "");
        print_json_text(y->name);
        printf(", \"size\": %" PRIu64 ", \"kind\": \"%s\", \"room\": \"%s\", \"file\": ", y->size,
               y->code      ? "code"
               : y->in_file ? "data"
                            : "zeroed",
               y->room);
        print_json_text(view_z(y->file));
        putchar('}');
    }
    printf("\n  ]");
}

static void print_json(const struct image *i, const struct symbols *s, const struct arguments *a)
{
    const struct manifest_whole *m = &i->manifest;
    char id[64];
    hex_build_id(i, id);
    printf("{\n");
    json_text("name", m->about.name);
    json_text("about", m->about.about);
    json_text("path", i->path);
    json_text("build_id", id);
    printf("  \"file_bytes\": %zu,\n  \"symbol_bytes\": %" PRIu64 ",\n  \"needs_data\": %s,\n",
           i->file.bytes.n, symbol_bytes(i),
           m->about.flags & MANIFEST_BUNDLE && i->bundle.n == 0 ? "true" : "false");
    printf("  \"devices\": [");
    for (u32 k = 0; k < m->devices_n; k++)
        printf("%s{\"name\": \"%s\", \"kind\": \"%s\", \"rx_kib\": %" PRIu32 "}", k > 0 ? ", " : "",
               m->devices[k].name, m->devices[k].kind == DEVICE_BLOCK ? "block" : "net",
               m->devices[k].rx_kib);
    printf("],\n  \"limits\": {\"connections\": %" PRIu32 ", \"fibers\": %" PRIu32 ", \"stack_kib\": %" PRIu32
           "},\n",
           m->about.connections, m->about.fibers, m->about.stack_kib);
    printf("  \"memory\": {\"image_bytes\": %" PRIu64 ", \"given_kib\": %" PRIu32 ", \"least_kib\": %" PRIu32
           ", \"bundle_bytes\": %zu, \"worst_bytes\": %" PRIu64 "},\n",
           mapped_bytes(i), m->about.mem_kib, m->about.mem_min_kib, i->bundle.n, worst_case(i));
    json_keys(m);
    json_rooms(s);
    if (a->symbols)
        json_symbols(s);
    if (i->bundle.n > 0) {
        printf(",\n  \"bundle\": ");
        listing_print_json(i->bundle, &i->bundle_header);
    }
    printf("\n}\n");
}

static int show(const struct image *i, const struct arguments *a)
{
    struct symbols s = {0};
    if (a->bundle && !a->json) {
        if (i->bundle.n == 0)
            return fail("%s: has no bundle", i->path);
        if (bundle_verify(i->bundle, &i->bundle_header) != OK)
            return fail("%s: a file in its bundle is damaged; add it again with `pith bundle`", i->path);
        listing_print(i->bundle, &i->bundle_header);
        return EXIT_OK;
    }
    int code = symbols_read(i, &s);
    if (code == EXIT_OK && s.s.n == 0 && (a->symbols || a->why) && !a->json)
        code = fail("%s: was stripped: ask the image it was made from", i->path);
    if (code == EXIT_OK && a->json)
        print_json(i, &s, a);
    else if (code == EXIT_OK && a->why)
        code = print_why(i, &s, a->why);
    else if (code == EXIT_OK && a->symbols)
        print_symbols(&s);
    else if (code == EXIT_OK) {
        print_about(i);
        print_rooms(i, &s);
    }
    symbols_free(&s);
    return code;
}

static int run_inspect(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"symbols", no_argument, NULL, 's'},
        {"bundle", no_argument, NULL, 'b'},
        {"why", required_argument, NULL, 'w'},
        {0},
    };
    static struct image image;
    struct arguments a = {0};
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        a.json |= c == 'j';
        a.symbols |= c == 's';
        a.bundle |= c == 'b';
        if (c == 'w')
            a.why = optarg;
        if (c == '?' || c == ':')
            return bad_option(&command_inspect, c, options, argv);
    }
    if (argc - optind != 1)
        return usage(&command_inspect, "name one image");
    const char *path = find_image(argv[optind]);
    if (!path)
        return EXIT_FAILED;
    int code = image_open(&image, path);
    if (code != EXIT_OK)
        return code;
    code = show(&image, &a);
    image_close(&image);
    return code;
}

const struct command command_inspect = {
    .name = "inspect",
    .summary = "what is inside an image: devices, limits, memory, keys, bytes",
    .help = "usage: pith inspect IMAGE [--symbols | --bundle | --why SYMBOL] [--json]\n"
            "\n"
            "Shows what an image says of itself (devices, limits, keys), how much memory it\n"
            "can come to use, and how many bytes each room of Pith and the application\n"
            "take in it. IMAGE is a file or a name that `pith list` shows.\n"
            "\n"
            "  --symbols      every function and object, the largest first, with its file\n"
            "  --bundle       the files in it, each byte checked\n"
            "  --why SYMBOL   where a symbol comes from, and what refers to it\n"
            "  --json         for scripts\n"
            "\n"
            "Files and rooms are looked up in NAME.debug beside NAME.pith, with\n"
            "llvm-symbolizer-19. Functions that were inlined count where they are used.\n",
    .run = run_inspect,
};
