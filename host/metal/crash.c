/* The report of a crash: the keel comes here after a fault, on a stack of its own. */
#include "base/fmt.h"
#include "host/metal/metal.h"
#include "host/report/report.h"

enum { VECTOR_DIVIDE = 0, VECTOR_INVALID_OPCODE = 6, VECTOR_PAGE_FAULT = 14, CODE_CRASHED = 134 };

/* The keel knows what can be read. */
static bool peek(const struct report *r, u64 address, u64 *word)
{
    (void)r;
    if (keel_call(KEEL_READABLE, address, 0, 0, 0) != 1)
        return false;
    *word = *(const u64 *)address;
    return true;
}

static struct report_area area_of(struct area a)
{
    return (struct report_area){a.at, a.n};
}

static struct report about_image(const char *name)
{
    struct report r = {
        .name = name,
        .path = name,
        .host = "metal",
        .elf = &metal.elf,
        .base = metal.base,
        .stack = area_of(metal.stack),
        .boot_record = area_of(metal.info),
        .bundle = {(u64)metal.bundle.p, metal.bundle.n},
        .memory = area_of(metal.memory),
        .peek = peek,
    };
    for (u32 i = 0; i < metal.pack.devices_n; i++)
        AT(r.windows, i) = area_of(AT(metal.windows, i));
    return r;
}

static enum stop_kind kind_of(u64 vector)
{
    switch (vector) {
    case VECTOR_DIVIDE:
        return STOP_DIVISION;
    case VECTOR_INVALID_OPCODE:
        return STOP_INSTRUCTION;
    case VECTOR_PAGE_FAULT:
        return STOP_ACCESS;
    default:
        return STOP_PROTECTION;
    }
}

noreturn_ void metal_crashed(void)
{
    enum { WRITE = 2, FETCH = 16 }; /* bits of the page fault's error code */
    static u8 text[REPORT_TEXT_MAX];
    static char name[PACK_NAME_MAX + 1];
    const struct keel_fault *f = &metal.public->fault;
    struct writer w = writer_of(SPAN_OF(text));
    copy(SPAN_OF(name), metal.pack.name);
    struct report report = about_image(name);
    struct stop stop = {
        .kind = kind_of(f->vector),
        .access = f->error & FETCH   ? ACCESS_FETCH
                  : f->error & WRITE ? ACCESS_WRITE
                                     : ACCESS_READ,
        .address = f->address,
        .rip = f->rip,
        .rsp = f->rsp,
        .rbp = f->rbp,
    };
    report_write(&w, &report, &stop);
    control_write(written(&w));
    machine_end(CODE_CRASHED);
}
