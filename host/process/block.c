#include "host/process/block.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/seccomp.h>

#include "base/num.h"
#include "host/process/internal.h"
#include "host/request.h"
#include "sig/block.h"
#include "sig/manifest.h"

#include "filter_block.h"

enum { THREADS = 4, STACK_BYTES = 64 * 1024, SECTOR = 512 };

/* ---- opening ----------------------------------------------------------------------- */

static bool explain(const char *path, char *error, size_t error_n)
{
    switch (errno) {
    case ENOENT:
        snprintf(error, error_n, "--disk %s: there is no such file; to make one: truncate -s 64M %s", path,
                 path);
        break;
    case EISDIR:
        snprintf(error, error_n, "--disk %s: that is a directory; name a file in it", path);
        break;
    case EWOULDBLOCK:
        snprintf(error, error_n, "--disk %s: in use by another appliance; end that first", path);
        break;
    case EACCES:
    case EROFS:
        snprintf(error, error_n, "--disk %s: you may not write to it; for reading only: --disk ro:%s", path,
                 path);
        break;
    default:
        snprintf(error, error_n, "--disk %s: %m", path);
    }
    return false;
}

static bool measure(struct process_block *b, const char *path, char *error, size_t error_n)
{
    struct stat s;
    u64 bytes = 0;
    int sector = SECTOR;
    if (fstat(b->file, &s) != 0)
        return explain(path, error, error_n);
    b->is_device = S_ISBLK(s.st_mode);
    if (b->is_device) {
        if (ioctl(b->file, BLKGETSIZE64, &bytes) != 0 || ioctl(b->file, BLKSSZGET, &sector) != 0)
            return explain(path, error, error_n);
    } else if (S_ISREG(s.st_mode)) {
        bytes = (u64)s.st_size;
    } else {
        snprintf(error, error_n, "--disk %s: neither a file nor a block device", path);
        return false;
    }
    if (bytes < (u64)sector || (sector != 512 && sector != 4096)) {
        snprintf(error, error_n, "--disk %s: it has no room; to give it some: truncate -s 64M %s", path,
                 path);
        return false;
    }
    b->about = (struct host_device){
        .kind = DEVICE_BLOCK,
        .features = b->read_only ? BLOCK_READ_ONLY : BLOCK_CAN_DISCARD,
        .disk_bytes = bytes - bytes % (u64)sector,
        .block_bytes = (u32)sector,
    };
    return true;
}

static bool open_disk(struct process_block *b, const char *path, char *error, size_t error_n)
{
    b->file = open(path, (b->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (b->file < 0 || flock(b->file, (b->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
        return explain(path, error, error_n);
    b->doorbell = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    b->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->doorbell < 0 || b->done < 0)
        return explain(path, error, error_n);
    return measure(b, path, error, error_n);
}

struct process_block *process_block_open(const char *spec, char *error, size_t error_n)
{
    struct process_block *b = calloc(1, sizeof *b);
    bool read_only = strncmp(spec, "ro:", 3) == 0;
    if (!b) {
        snprintf(error, error_n, "--disk: no memory");
        return NULL;
    }
    b->file = b->doorbell = b->done = -1;
    b->read_only = read_only;
    if (open_disk(b, read_only ? spec + 3 : spec, error, error_n))
        return b;
    process_block_close(b);
    return NULL;
}

void process_block_close(struct process_block *b)
{
    const int fds[] = {b->file, b->doorbell, b->done};
    for (size_t i = 0; i < COUNT(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(b);
}

/* ---- the threads ------------------------------------------------------------------- */

static u64 bit_of(size_t request)
{
    return (u64)1 << request;
}

static bool move(const struct process_block *b, const struct host_block *r)
{
    u8 *p = r->p;
    for (u64 at = 0; at < r->n;) {
        ssize_t n = r->op == HOST_BLOCK_READ ? pread(b->file, p + at, r->n - at, (off_t)(r->offset + at))
                                             : pwrite(b->file, p + at, r->n - at, (off_t)(r->offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (u64)n;
    }
    return true;
}

/* A file system that cannot give space back keeps it, which does no harm. */
static bool discard(const struct process_block *b, const struct host_block *r)
{
    enum { MODE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
    return fallocate(b->file, MODE, (off_t)r->offset, (off_t)r->n) == 0 || errno == EOPNOTSUPP;
}

static bool serve(const struct process_block *b, const struct host_block *r)
{
    switch (r->op) {
    case HOST_BLOCK_FLUSH:
        return b->read_only || fdatasync(b->file) == 0;
    case HOST_BLOCK_DISCARD:
        return !b->read_only && discard(b, r);
    case HOST_BLOCK_WRITE:
        return !b->read_only && move(b, r);
    default:
        return move(b, r);
    }
}

/* The next request that nobody works on; which of the threads takes it is chance. As long as
 * it is nobody's, its place in the order cannot be given to another. */
static u32 claim(struct process_block *b)
{
    u32 n = atomic_load(&b->claimed), request;
    do
        request = atomic_load(&b->order[n % HOST_BLOCK_QUEUE]);
    while (!atomic_compare_exchange_weak(&b->claimed, &n, n + 1));
    return request;
}

static void *work(void *arg)
{
    struct process_block *b = arg;
    const struct sock_fprog program = {COUNT(filter_block), (struct sock_filter *)filter_block};
    u64 one = 1;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(EXIT_FAILURE);
    atomic_fetch_add(&b->sealed, 1);
    for (;;) {
        if (read(b->doorbell, &one, sizeof one) != (ssize_t)sizeof one)
            continue;
        u32 request = claim(b);
        if (!serve(b, &b->requests[request]))
            atomic_fetch_or(&b->failed, bit_of(request));
        atomic_fetch_or(&b->finished, bit_of(request));
        if (atomic_exchange(&b->asleep, 0) && write(b->done, &one, sizeof one) < 0)
            continue; /* it is readable already */
    }
}

bool process_block_start(struct process_block *b)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    bool started = pthread_attr_init(&attributes) == 0 &&
                   pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_sigmask(SIG_SETMASK, &all, &before) == 0; /* signals are the image's thread's */
    for (u32 i = 0; i < THREADS && started; i++)
        started = pthread_create(&thread, &attributes, work, b) == 0;
    while (started && atomic_load(&b->sealed) < THREADS)
        sched_yield();
    return started && pthread_sigmask(SIG_SETMASK, &before, NULL) == 0;
}

/* ---- the image's thread ------------------------------------------------------------- */

i64 process_block_submit(struct process_block *b, const struct host_block *requests, u32 n)
{
    u64 count = MIN(n, (u32)HOST_BLOCK_QUEUE - (u32)__builtin_popcountll(b->used));
    memcpy(b->taken, requests, count * sizeof *requests);
    for (u64 i = 0; i < count; i++)
        if (!request_makes_sense(&b->about, &b->taken[i]))
            return -1;
    for (u64 i = 0; i < count; i++) {
        u32 request = (u32)__builtin_ctzll(~b->used);
        b->requests[request] = b->taken[i];
        b->used |= bit_of(request);
        atomic_store(&b->order[b->submitted++ % HOST_BLOCK_QUEUE], (u8)request);
    }
    if (count > 0 && write(b->doorbell, &count, sizeof count) < 0)
        trap_with(TRAP_MUST);
    return (i64)count;
}

/* Takes what is done in hand. */
static u64 collect(struct process_block *b)
{
    if (atomic_load(&b->finished))
        b->in_hand |= atomic_exchange(&b->finished, 0);
    return b->in_hand;
}

i64 process_block_reap(struct process_block *b, struct host_block_done *done, u32 max)
{
    u32 n = 0;
    for (collect(b); b->in_hand && n < max; n++) {
        u32 request = (u32)__builtin_ctzll(b->in_hand);
        u64 bit = bit_of(request);
        bool failed = atomic_load(&b->failed) & bit;
        done[n] = (struct host_block_done){.tag = b->requests[request].tag, .failed = failed};
        atomic_fetch_and(&b->failed, ~bit);
        b->in_hand &= ~bit;
        b->used &= ~bit;
    }
    return n;
}

bool process_block_pending(struct process_block *b)
{
    return collect(b) != 0;
}

bool process_block_full(const struct process_block *b)
{
    return ~b->used == 0;
}

bool process_block_sleep(struct process_block *b)
{
    atomic_store(&b->asleep, 1);
    return process_block_pending(b);
}

/* Who was to wake us may say its word only after something else has: then it is owed, and
 * taken after the next sleep, which it ends for nothing. */
void process_block_woken(struct process_block *b)
{
    u64 words;
    b->owed += !atomic_exchange(&b->asleep, 0);
    if (b->owed && read(b->done, &words, sizeof words) == (ssize_t)sizeof words)
        b->owed -= (u32)words;
}
