/* `pith run`, in two parts: the command line (run_args.c), and what it takes to
 * start (run.c). */
#ifndef PITH_RUN_H
#define PITH_RUN_H

#include "host/process/process.h"
#include "wire/manifest.h"

enum { RUN_PORTS_MAX = 32 };

/* What an image can run on: a row of run_hosts, of which the first is the default. */
struct run_host {
    const char *name;
    void (*run)(const struct process_plan *plan, char *error, size_t error_n);
};

extern const struct run_host run_hosts[];
extern const size_t run_hosts_n;

struct run_args {
    const struct run_host *host;
    const char *data; /* directory or bundle; NULL: none */
    const char *nets[PROCESS_DEVICES_MAX]; /* --net, in the order of network devices; NULL: user */
    const char *disks[PROCESS_DEVICES_MAX]; /* --disk, in the order of block devices */
    size_t nets_n, disks_n;
    struct process_port ports[RUN_PORTS_MAX];
    size_t ports_n;
    const char *pcap, *log, *machine, *accel;
    u64 memory;       /* bytes; 0: the manifest's */
    u32 spin_us;
    bool core, gdb, help;
    const char *values[MANIFEST_KEYS_MAX]; /* by the key's number; NULL: what it falls back to */
};

/* Reads the words after the image's name, whose manifest says which keys there are.
 * EXIT_OK, or EXIT_USAGE after saying what is wrong. */
int run_args_parse(struct run_args *a, const struct manifest_whole *m, int argc, char **argv);

/* What `pith run` does before it opens devices, for whoever makes something else of the
 * plan: its devices have windows only. Answers an exit code; *out is NULL where all is
 * said already: what is wrong, or the help that was asked for. */
struct command;
int run_prepare(const struct command *c, int argc, char **argv, const struct process_plan **out);

/* `pith run NAME --help` */
void run_help(const struct manifest_whole *m, const char *name);

extern const char run_help_text[];

#endif
