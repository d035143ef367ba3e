/* Block devices of the process host: a file, or a block device of the system's. Opened by
 * the command before the sandbox closes. A disk may take its time, and the image's thread
 * may not, so threads of their own read, write and flush; each has a filter that knows
 * this file and nothing else, and the image's thread has no system call for files. They
 * share a table of requests, and wake each other through two eventfds. */
#ifndef HOST_PROCESS_BLOCK_H
#define HOST_PROCESS_BLOCK_H

#include "host/host.h"

struct process_block {
    int file;             /* moved to fixed numbers before the sandbox closes, like the next two */
    int doorbell;         /* one for each request that nobody works on yet */
    int done;             /* readable: the image's thread slept, and something was done */
    bool read_only, is_device;
    struct host_device about;
    struct host_block taken[HOST_BLOCK_QUEUE]; /* while they are looked at: large for a fiber's stack */
    struct host_block requests[HOST_BLOCK_QUEUE];
    u64 used;             /* requests that were submitted and not reaped; a bit each, as below */
    u64 in_hand;          /* … that are done */
    _Atomic u64 finished; /* … that are done since in_hand was taken */
    _Atomic u64 failed;
    _Atomic u32 asleep;   /* the image's thread wants to be woken */
    u32 owed;             /* words of those who did, not yet read from `done` */
    _Atomic u8 order[HOST_BLOCK_QUEUE]; /* the requests, in the order they came */
    u32 submitted;
    _Atomic u32 claimed;
    _Atomic u32 sealed;   /* threads whose filter is closed */
};

/* Opens `spec`: "FILE", or "ro:FILE". A file has one user that writes, or some that read.
 * On failure NULL, and one line for the user in `error` (what to do next included). */
struct process_block *process_block_open(const char *spec, char *error, size_t error_n);
void process_block_close(struct process_block *b);

/* Starts its threads; returns when each has closed its sandbox. */
bool process_block_start(struct process_block *b);

i64 process_block_submit(struct process_block *b, const struct host_block *requests, u32 n);
i64 process_block_reap(struct process_block *b, struct host_block_done *done, u32 max);
bool process_block_pending(struct process_block *b); /* something is done */
bool process_block_full(const struct process_block *b);

/* About to sleep until b->done is readable. True: something is done already. */
bool process_block_sleep(struct process_block *b);
void process_block_woken(struct process_block *b);

#endif
