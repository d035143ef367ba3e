/* `pith run`: everything that can be wrong is found out before anything is started,
 * in the order of its cost; each with one line that says what to do. */
#include "pith/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/kvm/kvm.h"
#include "pith/command.h"
#include "pith/common.h"
#include "pith/image.h"
#include "pith/qemu.h"

const struct run_host run_hosts[] = {{"process", process_run}, {"kvm", kvm_run}, {"qemu", qemu_run}};
const size_t run_hosts_n = COUNT(run_hosts);

/* In static memory because it is only ever used once, and large: untouched pages
 * cost nothing. */
__attribute__((section(".bss.zimage"))) static struct image image; /* after all that is small */
START_BSS static struct run_args args;
START_BSS static struct process_plan plan;
static struct host_key keys[MANIFEST_KEYS_MAX];

static int map(const char *path, int fd, struct mapped *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return fail("%s: is %s", path, S_ISREG(st.st_mode) ? "empty" : "not a file");
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return fail("%s: %s", path, strerror(errno));
    *out = (struct mapped){.bytes = {p, (size_t)st.st_size}};
    return EXIT_OK;
}

/* The descriptor stays open: the image's segments are mapped from the very file
 * that has been checked. */
static int take_image(const char *name)
{
    struct mapped file;
    const char *path;
    plan.image_fd = open_image(name, &path);
    if (plan.image_fd < 0)
        return EXIT_FAILED;
    int code = map(path, plan.image_fd, &file);
    return code == EXIT_OK ? image_decode(&image, path, file) : code;
}

static int use_bundle(const char *path, int fd)
{
    struct mapped file;
    struct bundle_header header;
    int code = map(path, fd, &file);
    if (code != EXIT_OK)
        return code;
    code = bundle_check(path, file.bytes, &header);
    if (code == EXIT_OK)
        plan.bundle = file.bytes;
    return code;
}

/* A directory becomes a bundle in memory: nothing is left behind, however it ends. */
static int open_data(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail("%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        fd = memfd_create("bundle", MFD_CLOEXEC);
        if (fd < 0)
            return fail("no memory for a bundle of %s: %s", path, strerror(errno));
        int code = bundle_make(path, fd);
        if (code != EXIT_OK)
            return code;
    }
    int code = use_bundle(path, fd);
    close(fd);
    return code;
}

static int take_data(void)
{
    plan.bundle = image.bundle;
    if (args.data)
        return open_data(args.data);
    if ((image.manifest.about.flags & MANIFEST_BUNDLE) && plan.bundle.n == 0)
        return usage(&command_run, "%s needs data: name a directory or a bundle, as in `pith run %s ./site`",
                     image.manifest.about.name, image.manifest.about.name);
    return EXIT_OK;
}

static int take_memory(void)
{
    const struct manifest_whole *m = &image.manifest;
    u64 windows = 0, least = (u64)m->about.mem_min_kib * 1024;
    plan.devices_n = m->devices_n;
    for (u32 i = 0; i < m->devices_n; i++) {
        plan.devices[i].kind = m->devices[i].kind;
        plan.devices[i].rx_window_n = (u64)m->devices[i].rx_kib * 1024;
        windows += plan.devices[i].rx_window_n;
    }
    plan.memory_n = args.memory ? args.memory : (u64)m->about.mem_kib * 1024;
    if (plan.memory_n < least || plan.memory_n < windows + ELF_PAGE)
        return fail("%s needs at least %llu KiB of memory: give it more with --mem", m->about.name,
                    (unsigned long long)(least > windows + ELF_PAGE ? least : windows + ELF_PAGE) / 1024);
    return EXIT_OK;
}

static void take_keys(void)
{
    const struct manifest_whole *m = &image.manifest;
    for (u32 i = 0; i < m->keys_n; i++) {
        const char *name = m->keys[i].name, *value = args.values[i] ? args.values[i] : m->keys[i].fallback;
        keys[i] = (struct host_key){name, value, strlen(name), strlen(value)};
    }
    plan.keys = keys;
    plan.keys_n = m->keys_n;
}

static int take_log(void)
{
    if (!args.log)
        return EXIT_OK;
    int fd = open(args.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
        return fail("the log %s cannot be written: %s", args.log, strerror(errno));
    close(fd);
    return EXIT_OK;
}

/* So that a crash report, from inside the sandbox, can tell lines of source. On the process
 * host an image without devices is mostly over in no time, and this takes 5 µs of it: it is
 * charged that only where somebody watches. */
static void take_debug(void)
{
    static char path[PATH_MAX];
    struct stat st;
    if (args.host == &run_hosts[0] && plan.devices_n == 0 && !isatty(STDERR_FILENO))
        return;
    int fd = debug_path(image.path, SPAN_OF(path)) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED)
            plan.debug = (struct view){p, (size_t)st.st_size};
    }
    close(fd);
}

static void close_devices(void)
{
    for (size_t i = 0; i < plan.devices_n; i++)
        if (plan.devices[i].net)
            process_net_close(plan.devices[i].net);
        else if (plan.devices[i].block)
            process_block_close(plan.devices[i].block);
}

static bool open_disks(char *error, size_t error_n)
{
    const struct manifest_whole *m = &image.manifest;
    size_t n = 0;
    bool opened = true;
    for (u32 i = 0; i < m->devices_n && opened; i++) {
        if (m->devices[i].kind != DEVICE_BLOCK)
            continue;
        if (n < args.disks_n)
            plan.devices[i].block = process_block_open(args.disks[n++], error, error_n);
        else
            snprintf(error, error_n, "%s keeps its data on a disk: name a file for %s, with --disk FILE",
                     m->about.name, m->devices[i].name);
        opened = plan.devices[i].block;
    }
    return opened;
}

static bool open_nets(char *error, size_t error_n)
{
    const struct manifest_whole *m = &image.manifest;
    size_t n = 0;
    bool opened = true;
    for (u32 i = 0; i < m->devices_n && opened; i++) {
        if (m->devices[i].kind != DEVICE_NET)
            continue;
        const char *spec = args.nets[n] ? args.nets[n] : "user";
        plan.devices[i].net = process_net_open(spec, n == 0 ? args.ports : NULL, n == 0 ? args.ports_n : 0,
                                               n == 0 ? args.pcap : NULL, error, error_n);
        opened = plan.devices[i].net;
        n++;
    }
    return opened;
}

/* Last, networks last of all, because they may start passt. */
static int open_devices(void)
{
    char error[PATH_MAX + 128];
    if (open_disks(error, sizeof error) && open_nets(error, sizeof error))
        return EXIT_OK;
    close_devices();
    return fail("%s", error);
}

/* The image and all that it is given, but for devices. */
static int prepare(const struct command *c, int argc, char **argv)
{
    enum { SPIN_US = 50 }; /* what waking from sleep costs on a virtual machine */
    bool named = argc > 1 && argv[1][0] != '-';
    const char *name = named ? argv[1] : find_local_image();
    int skip = named ? 2 : 1;
    if (!name)
        return usage(
            c, "which image? Name it first, before any option; there is not exactly one *.pith file here");
    int code = take_image(name);
    if (code != EXIT_OK)
        return code;
    args.spin_us = SPIN_US;
    args.host = &run_hosts[0];
    code = run_args_parse(&args, &image.manifest, argc - skip, argv + skip);
    if (code != EXIT_OK || args.help)
        return code;
    code = take_data();
    if (code == EXIT_OK)
        code = take_memory();
    take_keys();
    plan.name = image.manifest.about.name;
    plan.path = image.path;
    plan.host = args.host->name;
    plan.elf = &image.elf;
    plan.core = args.core;
    plan.gdb = args.gdb;
    plan.spin_us = args.spin_us;
    plan.machine = args.machine;
    plan.accel = args.accel;
    return code;
}

int run_prepare(const struct command *c, int argc, char **argv, const struct process_plan **out)
{
    int code = prepare(c, argc, argv);
    *out = code == EXIT_OK && !args.help ? &plan : NULL;
    if (code == EXIT_OK && args.help)
        run_help(&image.manifest, argc > 1 && argv[1][0] != '-' ? argv[1] : image.path);
    return code;
}

static int run(int argc, char **argv)
{
    char error[256] = "";
    const struct process_plan *prepared;
    int code = run_prepare(&command_run, argc, argv, &prepared);
    if (!prepared)
        return code;
    code = take_log();
    if (code == EXIT_OK)
        code = open_devices();
    if (code != EXIT_OK)
        return code;
    take_debug();
    args.host->run(&plan, error, sizeof error);
    close_devices();
    return fail("%s: %s", image.path, error);
}

const struct command command_run = {
    .name = "run",
    .summary = "run an appliance",
    .help = run_help_text,
    .run = run,
};
