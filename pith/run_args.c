#include "pith/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/quantity.h"
#include "pith/command.h"
#include "pith/common.h"

const char run_help_text[] =
    "usage: pith run [IMAGE] [DATA] [--KEY VALUE …] [OPTION …]\n"
    "\n"
    "Runs an appliance in the foreground until it ends, or is asked to by ^C or SIGTERM.\n"
    "IMAGE is a file or a name of the catalogue (`pith list`); without it, the one *.pith\n"
    "file of the current directory. DATA is a directory, or a bundle that `pith bundle` made.\n"
    "`pith run IMAGE --help` shows the keys of an appliance.\n"
    "\n"
    "  --net user           network through passt, as an ordinary user (default)\n"
    "  --net tap:NAME       … on a tap device\n"
    "  --net fd:N           … on a descriptor that this process was given\n"
    "  -p [IP:]HOST:GUEST   with --net user: port HOST of this machine (of 127.0.0.1, or of IP)\n"
    "                       leads to port GUEST of the appliance; HOST:GUEST/udp for UDP\n"
    "  --mem SIZE           memory, such as 4m; the appliance's own choice without it\n"
    "  --disk FILE          what an appliance with a disk keeps its data in; ro:FILE: for reading only\n"
    "  --pcap FILE          captures every frame of the first network device\n"
    "  --log FILE           appends the console to FILE\n"
    "  --core               a crash leaves a core file (ulimit -c permitting)\n"
    "  --host process       what to run on: a sandboxed process (default), or\n"
    "  --host kvm           … a virtual machine of its own, through /dev/kvm\n"
    "  --gdb                with --host kvm: gdb's protocol on standard input (`pith debug` uses it)\n"
    "  --host qemu          … a virtual machine of QEMU's, above keel and drivers of Pith's\n"
    "  --machine NAME       with --host qemu: microvm (default) or q35\n"
    "  --accel NAME         with --host qemu: kvm (default where it can be used) or tcg\n"
    "\n"
    "The exit code is the appliance's; 134 after a crash, of which a report is printed;\n"
    "1 when it could not be started; 2 when the command line is wrong.\n";

/* The words of one option: "--name=value", "--name value", or "--name". */
struct option {
    char name[64];
    const char *value; /* NULL: not given with "=" */
};

struct words {
    int argc, next;
    char **argv;
    const struct manifest_whole *manifest;
};

static const char *const host_options[] = {"net",  "publish", "mem",     "pcap",  "log", "core", "host",
                                           "help", "spin",    "machine", "accel", "gdb", "disk"};

static int bad_port(const char *text)
{
    return usage(&command_run, "-p %s makes no sense: it takes [IP:]HOST:GUEST[/udp], such as 8080:80", text);
}

static bool port_of(struct view text, u16 *out)
{
    u64 x;
    if (view_to_u64(text, &x) != OK || x < 1 || x > UINT16_MAX)
        return false;
    *out = (u16)x;
    return true;
}

static int take_port(struct run_args *a, const char *text)
{
    if (a->ports_n == RUN_PORTS_MAX)
        return usage(&command_run, "at most %d ports can be published", RUN_PORTS_MAX);
    struct process_port p = {0};
    struct view rest, words[3], v = view_cut(view_z(text), '/', &rest);
    p.udp = view_eq(rest, VIEW("udp"));
    if (rest.n > 0 && !p.udp && !view_eq(rest, VIEW("tcp")))
        return bad_port(text);
    size_t n = 0;
    for (bool more = true; more; v = rest) {
        if (n == COUNT(words))
            return bad_port(text);
        words[n] = view_cut(v, ':', &rest);
        more = words[n].n < v.n;
        n++;
    }
    if (n < 2 || !port_of(words[n - 2], &p.host) || !port_of(words[n - 1], &p.guest))
        return bad_port(text);
    if (n == 3 && !(p.host_ip = strndup((const char *)words[0].p, words[0].n)))
        return fail("out of memory");
    a->ports[a->ports_n++] = p;
    return EXIT_OK;
}

static size_t devices_of(const struct manifest_whole *m, enum device_kind kind)
{
    size_t n = 0;
    for (u32 i = 0; i < m->devices_n; i++)
        n += m->devices[i].kind == kind;
    return n;
}

static int take_device(const struct manifest_whole *m, enum device_kind kind, const char *option,
                       const char *spec, const char **specs, size_t *specs_n)
{
    const char *noun = kind == DEVICE_NET ? "network device" : "disk";
    size_t n = devices_of(m, kind);
    if (n == 0)
        return usage(&command_run, "%s has no %s: leave %s out", m->about.name, noun, option);
    if (*specs_n == n)
        return usage(&command_run, "%s has %zu %s%s, and %s is given more often", m->about.name, n, noun,
                     n == 1 ? "" : "s", option);
    specs[(*specs_n)++] = spec;
    return EXIT_OK;
}

static int take_memory(struct run_args *a, const char *text)
{
    enum { KIB = 1024 };
    if (view_to_size(view_z(text), &a->memory) != OK || a->memory < 4 * KIB || a->memory > (u64)1 << 40)
        return usage(&command_run, "--mem %s makes no sense: it takes a size such as 256k, 4m or 1g", text);
    return EXIT_OK;
}

static int take_host(struct run_args *a, const char *name)
{
    char names[64] = "";
    for (size_t i = 0; i < run_hosts_n; i++) {
        size_t n = strlen(names);
        if (strcmp(name, run_hosts[i].name) == 0) {
            a->host = &run_hosts[i];
            return EXIT_OK;
        }
        snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "", run_hosts[i].name);
    }
    return usage(&command_run, "there is no host %s: this pith has %s", name, names);
}

static int take_choice(const char **out, const char *name, const char *value, const char *one,
                       const char *other)
{
    if (strcmp(value, one) != 0 && strcmp(value, other) != 0)
        return usage(&command_run, "--%s %s makes no sense: it takes %s or %s", name, value, one, other);
    *out = value;
    return EXIT_OK;
}

static int take_host_option(struct run_args *a, const struct manifest_whole *m, const char *name,
                            const char *value)
{
    u64 spin;
    if (strcmp(name, "net") == 0)
        return take_device(m, DEVICE_NET, "--net", value, a->nets, &a->nets_n);
    if (strcmp(name, "disk") == 0)
        return take_device(m, DEVICE_BLOCK, "--disk", value, a->disks, &a->disks_n);
    if (strcmp(name, "publish") == 0)
        return take_port(a, value);
    if (strcmp(name, "mem") == 0)
        return take_memory(a, value);
    if (strcmp(name, "pcap") == 0)
        a->pcap = value;
    else if (strcmp(name, "log") == 0)
        a->log = value;
    else if (strcmp(name, "host") == 0)
        return take_host(a, value);
    else if (strcmp(name, "machine") == 0)
        return take_choice(&a->machine, name, value, "microvm", "q35");
    else if (strcmp(name, "accel") == 0)
        return take_choice(&a->accel, name, value, "kvm", "tcg");
    else if (strcmp(name, "spin") == 0) {
        if (view_to_u64(view_z(value), &spin) != OK || spin > 1000 * 1000)
            return usage(&command_run, "--spin %s makes no sense: it takes microseconds", value);
        a->spin_us = (u32)spin;
    }
    return EXIT_OK;
}

static int unknown(const struct manifest_whole *m, const char *name)
{
    struct nearest n = {.word = name};
    for (size_t i = 0; i < COUNT(host_options); i++)
        nearest_try(&n, host_options[i]);
    for (u32 i = 0; i < m->keys_n; i++)
        nearest_try(&n, m->keys[i].name);
    if (n.best)
        fail("%s has no key --%s; did you mean --%s?", m->about.name, name, n.best);
    else
        fail("%s has no key --%s; `pith run %s --help` lists them", m->about.name, name, m->about.name);
    return EXIT_USAGE;
}

/* The option's value: after "=", or the next word. */
static int value_of(struct words *w, struct option *o)
{
    if (o->value)
        return EXIT_OK;
    if (w->next == w->argc)
        return usage(&command_run, "--%s needs a value", o->name);
    o->value = w->argv[w->next++];
    return EXIT_OK;
}

/* A flag may stand alone, for true. */
static int take_key(struct run_args *a, struct words *w, struct option *o, u32 index)
{
    const struct manifest_key *key = &w->manifest->keys[index];
    const char *next = w->next < w->argc ? w->argv[w->next] : "";
    if (key->type == KEY_FLAG && !o->value && strcmp(next, "true") != 0 && strcmp(next, "false") != 0)
        o->value = "true";
    int code = value_of(w, o);
    if (code != EXIT_OK)
        return code;
    u8 text[160];
    struct writer expected = writer_of(SPAN_OF(text));
    if (key_check(key, view_z(o->value), &expected) != OK)
        return usage(&command_run, "--%s %s makes no sense: it takes %.*s", o->name, o->value,
                     (int)expected.n, (const char *)text);
    a->values[index] = o->value;
    return EXIT_OK;
}

static int take_option(struct run_args *a, struct words *w, struct option *o)
{
    for (u32 i = 0; i < w->manifest->keys_n; i++)
        if (strcmp(o->name, w->manifest->keys[i].name) == 0)
            return take_key(a, w, o, i);
    for (size_t i = 0; i < COUNT(host_options); i++) {
        if (strcmp(o->name, host_options[i]) != 0)
            continue;
        bool alone =
            strcmp(o->name, "core") == 0 || strcmp(o->name, "help") == 0 || strcmp(o->name, "gdb") == 0;
        if (alone && o->value)
            return usage(&command_run, "--%s takes no value", o->name);
        if (alone) {
            a->core |= o->name[0] == 'c';
            a->help |= o->name[0] == 'h';
            a->gdb |= o->name[0] == 'g';
            return EXIT_OK;
        }
        int code = value_of(w, o);
        return code != EXIT_OK ? code : take_host_option(a, w->manifest, o->name, o->value);
    }
    return unknown(w->manifest, o->name);
}

static int take_word(struct run_args *a, struct words *w, const char *word)
{
    struct option o = {.value = NULL};
    if (strcmp(word, "-p") == 0 || strcmp(word, "-h") == 0) {
        strcpy(o.name, word[1] == 'p' ? "publish" : "help");
        return take_option(a, w, &o);
    }
    if (view_starts(view_z(word), VIEW("-p"))) {
        strcpy(o.name, "publish");
        o.value = word + 2;
        return take_option(a, w, &o);
    }
    if (view_starts(view_z(word), VIEW("--"))) {
        size_t n = strcspn(word + 2, "=");
        o.value = word[2 + n] == '=' ? word + 2 + n + 1 : NULL;
        snprintf(o.name, sizeof o.name, "%.*s", (int)MIN(n, sizeof o.name), word + 2);
        return take_option(a, w, &o);
    }
    if (word[0] == '-' && word[1])
        return usage(&command_run, "there is no option %s", word);
    if (a->data)
        return usage(&command_run, "%s is one word too many: %s is the data already", word, a->data);
    if (!(w->manifest->about.flags & MANIFEST_BUNDLE))
        return usage(&command_run, "%s works on no data: leave %s out", w->manifest->about.name, word);
    a->data = word;
    return EXIT_OK;
}

int run_args_parse(struct run_args *a, const struct manifest_whole *m, int argc, char **argv)
{
    struct words w = {.argc = argc, .argv = argv, .manifest = m};
    int code = EXIT_OK;
    while (w.next < w.argc && code == EXIT_OK)
        code = take_word(a, &w, argv[w.next++]);
    if (code == EXIT_OK && a->ports_n > 0 && devices_of(m, DEVICE_NET) == 0)
        return usage(&command_run, "%s has no network device: leave -p out", m->about.name);
    if (code == EXIT_OK && a->core && strcmp(a->host->name, "process") != 0)
        return usage(&command_run, "--core works with --host process only");
    if (code == EXIT_OK && a->gdb && strcmp(a->host->name, "kvm") != 0)
        return usage(&command_run, "--gdb works with --host kvm only; `pith debug` needs it for no other");
    return code;
}

void run_help(const struct manifest_whole *m, const char *name)
{
    dprintf(STDOUT_FILENO, "%s: %s\n\nusage: pith run %s%s [--KEY VALUE …] [OPTION …]\n", m->about.name,
            m->about.about, name, m->about.flags & MANIFEST_BUNDLE ? " DATA" : "");
    if (m->keys_n > 0)
        dprintf(STDOUT_FILENO, "\nkeys:\n");
    for (u32 i = 0; i < m->keys_n; i++) {
        const struct manifest_key *k = &m->keys[i];
        char left[64];
        snprintf(left, sizeof left, "--%s %s", k->name, key_type_name(k->type));
        dprintf(STDOUT_FILENO, "  %-26s %s", left, k->help);
        dprintf(STDOUT_FILENO, k->fallback[0] ? " (%s)\n" : "\n", k->fallback);
    }
    dprintf(STDOUT_FILENO, "\nmemory: %u KiB, at least %u KiB; `pith run --help` explains the options\n",
            m->about.mem_kib, m->about.mem_min_kib);
}
