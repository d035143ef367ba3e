/* What an image is given when it starts. The host's side of the image
 * (host/guest) fills struct boot and calls image_main once; fiber/boot.c turns
 * that into a scheduler and runs appliance_main in the first fiber. */
#ifndef SIG_BOOT_H
#define SIG_BOOT_H

#include "sig/block.h"
#include "sig/net.h"

struct boot_key {
    struct view name, value; /* valid while the image runs; checked against its type by pith */
};

SLICE(boot_keys, struct boot_key);
SLICE(boot_nets, struct net_dev *);

struct boot {
    struct span memory;      /* zeroed; all that the image may use besides itself */
    struct view bundle;      /* read-only; empty when there is none */
    struct boot_keys keys;   /* every key of the manifest, the user's or the fallback value */
    struct boot_nets nets;   /* by device number; NULL where the number is another kind */
};

/* The block device declared as DEVICE(name, DEVICE_BLOCK), by its place among the device
 * names in order; always the same. NULL when there is none of that number. */
struct block_dev *boot_block(u32 number);

/* Never returns: ends with host_exit. */
noreturn_ void image_main(const struct boot *boot);

/* A page of boot.memory (page-aligned) that traps from now on when touched. */
void boot_guard_page(struct span page);

/* Ends the image. 0: done; anything else is the exit code of `pith run`. */
noreturn_ void boot_exit(u8 code);

#endif
