/* `pith pack` in two parts: the command line and the file for boot loaders (pack.c), and
 * what is made of that file for others (pack_disk.c, pack_describe.c). */
#ifndef PITH_PACK_H
#define PITH_PACK_H

#include "host/process/process.h"

struct packing {
    const struct process_plan *plan;
    const char *out;   /* what was asked for */
    const char *elf;   /* the file for boot loaders: `out` itself, or beside it */
    u64 memory_mib;
};

/* A disk that BIOS, and UEFI where its boot loader is installed, start from. Each answers an
 * exit code, after saying what is wrong. */
int pack_raw(const struct packing *p);
int pack_qcow2(const struct packing *p);

/* A domain for virsh, a configuration for firecracker; p->elf is written already. */
int pack_libvirt(const struct packing *p);
int pack_firecracker(const struct packing *p);

#endif
