/* Crash reports of an image that nobody vouches for, in both senses: its memory, which is
 * read where it crashed, and its file. Whatever they hold, a report ends, and what it says
 * of them gives a terminal no orders. */
#include "host/report/report.h"
#include "test/fuzz/fuzz.h"

enum { STOP_BYTES = 40, MEMORY_BYTES = 512, TEXT_BYTES = REPORT_TEXT_MAX };

/* The image's memory, where the stop and the frames are looked for; the rest cannot be read. */
static struct view memory;
static const u64 base = 0x7f0000000000;

static bool peek(const struct report *r, u64 address, u64 *word)
{
    (void)r;
    if (address < base || address - base > memory.n || memory.n - (address - base) < sizeof *word)
        return false;
    *word = load_le64(memory, address - base);
    return true;
}

/* Addresses that matter are likely: those below 2^16 are of the image. */
static u64 get_address(struct reader *r)
{
    u64 x = get_le64(r);
    return x >> 16 == 0 ? base + x : x;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static u8 text[TEXT_BYTES];
    static struct elf e;
    struct reader r = reader_of((struct view){data, n});
    struct stop stop = {.kind = get_u8(&r) % (STOP_SENT + 1), .access = get_u8(&r) % (ACCESS_FETCH + 1)};
    stop.address = get_address(&r);
    stop.rip = get_address(&r);
    stop.rsp = get_address(&r);
    stop.rbp = get_address(&r);
    get_skip(&r, 6);
    memory = get_bytes(&r, MEMORY_BYTES);
    if (r.bad || elf_decode(&e, r.rest) != OK)
        return 0;
    struct report report = {
        .name = "fuzzed",
        .path = "fuzzed.pith",
        .host = "fuzz",
        .elf = &e,
        .debug = r.rest,
        .base = base,
        .memory = {base, MEMORY_BYTES},
        .peek = peek,
    };
    struct writer w = writer_of(SPAN_OF(text));
    report_write(&w, &report, &stop);
    struct view said = written(&w);
    must(view_starts(said, VIEW("pith: fuzzed crashed: ")));
    while (said.n > 0) {
        struct view line = view_cut(said, '\n', &said);
        must(view_find_control(line) == line.n);
    }
    return 0;
}
