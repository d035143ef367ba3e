/* Keeps a pattern on its disk: --how fill writes it, by many fibers at once; check reads it
 * back; wait does nothing. The 8 bytes at offset i are i * 0x9e3779b97f4a7c15 + seed. */
#include "base/codec.h"
#include "base/num.h"
#include "fiber/appliance.h"
#include "fiber/disk.h"

enum { FIBERS = 100, PIECE = 200 * 1024 };

APPLIANCE(.name = "disk", .about = "keeps a pattern on its disk", .mem_kib = 28 * 1024,
          .mem_min_kib = 28 * 1024, .stack_kib = 16, .fibers = FIBERS + 1);
DEVICE(store, DEVICE_BLOCK);
KEY(how, KEY_TEXT, "fill", "fill, check, or wait");
KEY(seed, KEY_NUMBER, "1", "what is added to every word of the pattern");

struct job {
    struct disk *disk;
    u64 *next; /* the first byte that nobody has taken */
    u64 seed;
    bool fills;
    enum err result;
};

wraps static u64 word(u64 offset, u64 seed)
{
    return offset * 0x9e3779b97f4a7c15 + seed;
}

static bool is_pattern(struct view v, u64 offset, u64 seed)
{
    for (size_t i = 0; i < v.n; i += 8)
        if (load_le64(v, i) != word(offset + i, seed))
            return false;
    return true;
}

static enum err work_at(struct job *j, u64 offset, struct span bytes)
{
    if (!j->fills) {
        TRY(disk_read(j->disk, offset, bytes));
        return is_pattern(view_of(bytes), offset, j->seed) ? OK : ERR_MALFORMED;
    }
    for (size_t i = 0; i < bytes.n; i += 8)
        store_le64(bytes, i, word(offset + i, j->seed));
    return disk_write(j->disk, offset, view_of(bytes));
}

static void work(void *arg)
{
    struct job *j = arg;
    struct span bytes = arena_alloc(boot_arena(), PIECE, 8);
    u64 end = j->disk->dev->bytes;
    while (j->result == OK && *j->next < end) {
        u64 offset = *j->next, n = MIN((u64)PIECE, end - offset);
        *j->next += n;
        j->result = work_at(j, offset, span_first(bytes, n));
    }
}

static enum err run_all(struct disk *disk, bool fills)
{
    SCOPE(workers, "workers");
    u64 next = 0;
    static struct job jobs[FIBERS];
    for (size_t i = 0; i < COUNT(jobs); i++) {
        AT(jobs, i) = (struct job){.disk = disk, .next = &next, .seed = key_number("seed"), .fills = fills};
        TRY(fiber_spawn(&workers, "worker", work, &AT(jobs, i)));
    }
    TRY(scope_join(&workers, FOREVER));
    for (size_t i = 0; i < COUNT(jobs); i++)
        TRY(AT(jobs, i).result);
    return OK;
}

enum err appliance_main(struct scope *root)
{
    struct disk disk;
    (void)root;
    disk_open(&disk, boot_block(0));
    struct view how = key_text("how");
    enum err e = OK;
    if (view_eq(how, VIEW("fill")) || view_eq(how, VIEW("check")))
        e = run_all(&disk, view_eq(how, VIEW("fill")));
    if (e == OK && view_eq(how, VIEW("fill")))
        e = disk_flush(&disk);
    if (view_eq(how, VIEW("wait"))) {
        say("waiting");
        e = loop_wait_stop(FOREVER);
    }
    disk_close(&disk);
    return e;
}
