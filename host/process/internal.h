/* What the files of the process host share. Host functions get no context argument
 * and signal handlers none of ours, so the one running image is a global: `process`. */
#ifndef HOST_PROCESS_INTERNAL_H
#define HOST_PROCESS_INTERNAL_H

#include <signal.h>
#include <time.h>

#include <linux/filter.h>

#include "host/process/process.h"
#include "host/report/report.h"

/* A piece of the address space, for the loader and for reports. */
struct area {
    u8 *p;
    size_t n;
};

struct process {
    const char *name, *path, *host;
    const struct elf *elf;
    struct view bundle, debug;
    u8 *base;                    /* of the image */
    struct area all;             /* the reservation that all but the bundle lies in */
    struct area stack, info, memory, windows[PROCESS_DEVICES_MAX];
    struct area shim;            /* of a host that runs the image elsewhere: its code there */
    struct process_net *nets[PROCESS_DEVICES_MAX];     /* NULL where the device is another kind */
    struct process_block *blocks[PROCESS_DEVICES_MAX]; /* the same */
    u32 devices_n;
    u64 spin_ns;
    u64 console_lost;            /* bytes, since the console last took any */
    u32 clock_calls;             /* up to CLOCK_CALLS_FIRST of them */
    bool core;
    bool guards_are_mappings;
    bool device_lost;            /* the other side of one is gone for good */
    bool traffic;                /* the last wait ended soon because a device was ready */
    u64 frames;                  /* received since then */
    u64 burst;                   /* SPIN_MEMORY times what comes between two waits, on the average */
    void (*locate)(struct stop *stop); /* of a host that runs the image elsewhere: where it is there */
    volatile sig_atomic_t stops; /* how often the user asked it to end */
    volatile sig_atomic_t stop_unseen;
    struct timespec sleep;       /* what ppoll is given; see on_stop */
};

extern struct process process;

extern const struct host_table process_table;

/* What handlers of signals run on: the image's own stacks may be what broke. */
extern u8 process_signal_stack[32 * 1024];

/* Maps image, stack and memory and applies relocations: fills `process`, and the
 * boot record. False: `error` says why. With shim_n the image is to run elsewhere, at
 * the same addresses: its code is mapped for reading only, and the table of functions
 * will be the first bytes of process.shim, which is so long. */
bool process_load(const struct process_plan *plan, size_t shim_n, const struct host_boot **boot, char *error,
                  size_t error_n);

/* Makes a page inaccessible for good. */
bool process_guard(void *page);

/* What is left when everything is given up. */
struct sandbox {
    const struct sock_filter *filter;
    size_t filter_n;
    int keep;  /* a descriptor that becomes PROCESS_FD_EXTRA; -1: none */
    int debug; /* … PROCESS_FD_DEBUG */
};

/* Moves descriptors to their fixed numbers, installs the signal handlers, then
 * gives everything else up for good. */
bool process_seal(const struct process_plan *plan, const struct sandbox *sandbox, char *error,
                  size_t error_n);

/* Reads 8 bytes at a multiple of 8, if that can be done at all. */
bool process_peek(u64 address, u64 *word);

/* Prints the report of a crash. */
void process_report(const struct stop *stop);

/* The handler of SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGSYS: reports and ends. */
void process_crashed(int signal, siginfo_t *info, void *context);

#endif
