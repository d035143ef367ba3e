/* What every planted bug begins with: an appliance in the rules of the house that goes
 * wrong in one way. What a stranger would have chosen, and no compiler can know, is
 * the key `n`. What it says on the console shows that it went on, and with what. */
#ifndef TEST_PLANTED_PLANTED_H
#define TEST_PLANTED_PLANTED_H

#include "base/fmt.h"
#include "base/num.h"
#include "base/pool.h"
#include "fiber/appliance.h"
#include "sig/console.h"

#define PLANTED(about_)                                                                       \
    APPLIANCE(.name = "planted", .about = about_, .mem_kib = 512, .mem_min_kib = 128,         \
              .stack_kib = 16, .fibers = 4);                                                  \
    KEY(n, KEY_NUMBER, "0", "what a stranger chose")

/* The stranger's number in 32 bits, as a protocol would carry it. */
static inline u32 chosen32(void)
{
    return (u32)key_number("n");
}

static inline void show(struct view text)
{
    console_write(text);
    console_write(VIEW("\n"));
}

static inline void show_number(u64 x)
{
    u8 line[24];
    struct writer w = writer_of(SPAN_OF(line));
    put_dec(&w, x);
    show(written(&w));
}

/* A pool of `count` objects of a type. */
#define PLANTED_POOL(pool, count, type) \
    pool_init((pool), boot_arena(), (count), sizeof(type), _Alignof(type))

#endif
