/* The image's side of the host, inside: what start.c and bind.c share. The
 * host_* functions are the slots of struct host_table (call.S). */
#ifndef HOST_GUEST_GUEST_H
#define HOST_GUEST_GUEST_H

#include "host/host.h"
#include "sig/boot.h"

enum { GUEST_DEVICES_MAX = 8, GUEST_KEYS_MAX = 64 };

extern const struct host_table *guest_table;
extern const struct host_boot *guest_boot;

u64 host_clock_mono(void);
u64 host_clock_wall(void);
i64 host_net_rx(u32 device, struct host_rx *frames, u32 max);
i64 host_net_tx(u32 device, const struct host_tx *frames, u32 n);
void host_console(const void *text, u64 n);
void host_entropy(void *out, u64 n);
u64 host_wait(u64 readable, u64 writable, u64 deadline);
i64 host_guard(void *page);
noreturn_ void host_exit(u32 code);
i64 host_block_submit(u32 device, const struct host_block *requests, u32 n);
i64 host_block_reap(u32 device, struct host_block_done *done, u32 max);

/* n bytes off the end of the image's memory, for what depends on the host's words:
 * in the image's own data it would be as large as it may get, in every image. */
struct span guest_take(struct span *memory, size_t n);

/* The device `index` as sig/net.h has it; NULL when it is not one, or makes no sense. */
struct net_dev *guest_net(u32 index, const struct host_device *d, struct span *memory);

noreturn_ void guest_start(const struct host_boot *b);

#endif
