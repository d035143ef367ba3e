/* The process host: the image runs in this very process, which keeps the devices
 * it has open and gives up everything else (sandbox.c). The command opens devices
 * and checks manifest, keys and memory; what is here maps the image, closes the
 * sandbox and jumps. A start touches only what an image needs. */
#ifndef HOST_PROCESS_PROCESS_H
#define HOST_PROCESS_PROCESS_H

#include "host/host.h"
#include "host/process/block.h"
#include "host/process/net.h"
#include "wire/elf.h"

enum {
    PROCESS_DEVICES_MAX = 4,
    PROCESS_FD_DEBUG = 3,    /* of a host that gdb talks to */
    PROCESS_FD_DEVICES = 4,  /* device i is descriptor 4 + i; of a disk, what says that something is done */
    PROCESS_FD_CAPTURES = 8, /* its capture file 8 + i; of a disk, its doorbell */
    PROCESS_FD_END = 12,
    PROCESS_FD_EXTRA = 12,   /* of a host that needs one more */
    PROCESS_FD_FILES = 16,   /* disk i's file is 16 + i, for its threads alone */
};

/* Puts a small variable beside the others that every start writes. */
#define START_BSS __attribute__((section(".bss.0start")))

struct process_device {
    u32 kind;                    /* enum device_kind */
    struct process_net *net;     /* one of these, by the device's kind */
    struct process_block *block;
    u64 rx_window_n; /* counted in memory_n */
};

/* Everything that is pointed to is kept until the image ends. */
struct process_plan {
    const char *name, *path;    /* the appliance's and its file's, for reports */
    const char *host;           /* "process" …, for reports */
    const struct elf *elf;      /* decoded from a mapping of the file, which stays */
    int image_fd;
    struct view bundle;         /* mapped, read-only; may be empty */
    struct view debug;          /* all of NAME.debug, mapped, for crash reports; may be empty */
    const struct host_key *keys; /* copied into read-only memory with their texts */
    size_t keys_n;
    u64 memory_n;               /* bytes: the image's memory and the receive windows */
    struct process_device devices[PROCESS_DEVICES_MAX];
    size_t devices_n;
    u32 spin_us;                /* how long to look for traffic before sleeping */
    bool core;                  /* a crash leaves a core file */
    bool gdb;                   /* kvm: gdb talks on standard input, and starts it */
    const char *machine, *accel; /* of QEMU's; NULL: what suits */
};

/* Runs the image. Does not return, except with one line for the user in `error`
 * when it could not be started; the process is of no more use then. */
void process_run(const struct process_plan *plan, char *error, size_t error_n);

/* `pith debug` breaks here: the image is mapped at `base` and has not run yet. */
void process_mapped(const void *base);

#endif
