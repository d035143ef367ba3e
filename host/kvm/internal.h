/* What the files of the kvm host share. */
#ifndef HOST_KVM_INTERNAL_H
#define HOST_KVM_INTERNAL_H

#include <linux/kvm.h>

#include "host/kvm/kvm.h"
#include "host/kvm/shim.h"
#include "host/process/internal.h"

/* Guest-physical addresses, which nothing but the page tables knows. */
#define BELL_AT 0xd0000000ull /* no memory: a store there stops the guest */
#define ALL_AT (4ull << 30)   /* process.all, moved up to lie in large pages as it does here */

enum { LARGE_PAGE = 2 << 20 };

struct machine {
    int vm, vcpu;
    struct kvm_run *run; /* shared with the kernel */
    struct shim_share *share;
    struct area tables; /* of pages: the end of process.shim */
    size_t tables_used; /* bytes */
    u64 tsc_khz;                  /* 0: the clock cannot be read in the guest */
    void (*exited)(u32 code);     /* NULL, or whom to tell: gdb_exited */
};

extern struct machine machine;

/* A virtual machine with one processor. False: `error` says why not. */
bool machine_open(char *error, size_t error_n);

/* Shows it all that process_load has laid out, and the bundle, with what may be done
 * with each; puts the processor before the image's first instruction. */
bool machine_fill(const struct process_plan *plan, const struct host_boot *boot, char *error, size_t error_n);

/* Bytes of process.shim besides the page tables: they come last in it. */
size_t shim_size(const struct process_plan *plan);

u64 physical_of(const void *p); /* of process.all */

/* Page tables (tables.c): room for them, and entries. W^X is the caller's affair. */
enum page_access { PAGE_READ = 0, PAGE_WRITE = 1, PAGE_EXECUTE = 2 };
size_t tables_size(const struct process_plan *plan); /* bytes that are enough */
void tables_open(u8 *p, size_t n);
void tables_map(u64 at, u64 n, u64 physical, enum page_access access, bool large);
bool tables_unmap(u64 page); /* false: it is part of a large page */

/* Answers a ring of the bell (calls.c), and sets the shim's clock. */
void machine_answer(u32 call);
void machine_set_clock(void);
void machine_fill_entropy(void);

/* Runs the guest and answers its calls until it ends. */
noreturn_ void machine_serve(void);

/* Where the guest stopped, as far as the kernel says it. */
struct stop machine_stop(void);

/* gdb (gdb.c), on standard input until the sandbox closes. */
enum { EXIT_GONE = 1, EXIT_CRASH = 134 };
bool gdb_open(void);
void gdb_start(void);                     /* before the first instruction */
void gdb_look(void);                      /* after a signal: does gdb want something? */
bool gdb_took_stop(void);                 /* a breakpoint or a step; false: it is something else */
noreturn_ void gdb_crashed(u8 signal);    /* for a look at what is left */
void gdb_exited(u32 code);

#endif
