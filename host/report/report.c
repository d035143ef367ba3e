#include "host/report/report.h"

#include "base/fmt.h"
#include "base/num.h"
#include "base/released.h"
#include "host/version.h"
#include "sig/manifest.h"
#include "sig/report.h"

/* Hosts put nothing below NULL_REACH, so that no object is large enough to lead elsewhere. */
enum { NULL_REACH = 1024 * 1024 * 1024 };
enum {
    FRAMES_MAX = 1000,
    SCOPES_MAX = 16,
    NAME_MAX_SHOWN = 63,
    NULL_AREA = 64 * 1024,
    PLACES_MAX = 16,
    AFTER_BYTES = 1024
};

/* What was found out on the way. */
struct finding {
    const struct report *r;
    struct stop stop;
    struct report_names names;
    struct fiber_report fiber; /* magic 0: none was running */
    u64 places[PLACES_MAX];    /* of the backtrace, in the image */
    size_t places_n;
};

/* ---- the image's memory --------------------------------------------------------- */

static bool peek(const struct finding *f, u64 address, u64 *out)
{
    return address % sizeof(u64) == 0 && address >= NULL_AREA && f->r->peek(f->r, address, out);
}

/* What stands n bytes after an address that may be anything. */
static bool peek_after(const struct finding *f, u64 address, u64 n, u64 *out)
{
    return peek(f, wrap_add64(address, n), out);
}

/* A text of the image, as far as it can be read. */
static void put_peeked(struct writer *w, const struct finding *f, u64 address)
{
    for (u64 i = 0; i < NAME_MAX_SHOWN; i++) {
        u64 word;
        u64 at = wrap_add64(address, i);
        if (!peek(f, at & ~(u64)7, &word))
            return;
        u8 c = (u8)(word >> at % 8 * 8);
        if (c == 0)
            return;
        put_u8(w, c >= ' ' && c < 0x7f ? c : '?');
    }
}

static bool within(struct report_area a, u64 address)
{
    return address >= a.at && address - a.at < a.n;
}

static bool in_image(const struct finding *f, u64 address)
{
    return within((struct report_area){f->r->base, f->r->elf->span}, address);
}

static const struct elf_segment *segment_of(const struct finding *f, u64 address)
{
    return in_image(f, address) ? elf_segment_of(f->r->elf, address - f->r->base) : NULL;
}

/* The 8 bytes at rip, of the image's code or of the host's; false where there is nothing. */
static bool bytes_at(const struct finding *f, u64 rip, u8 text[8])
{
    u64 words[2];
    if (!peek(f, rip & ~(u64)7, &words[0]))
        return false;
    if (!peek_after(f, rip & ~(u64)7, 8, &words[1]))
        words[1] = 0;
    copy((struct span){text, 8}, view_sub(VIEW_OF(words), rip % 8, 8));
    return true;
}

/* The same of the image's code only. */
static bool instruction_at(const struct finding *f, u64 rip, u8 text[8])
{
    const struct elf_segment *s = segment_of(f, rip);
    return s && (s->flags & ELF_X) && bytes_at(f, rip, text);
}

/* The operand of a `ud1 code(%eax), %eax` where the trap was. */
static bool trap_code(const struct finding *f, unsigned *code)
{
    u8 text[8];
    struct view v = VIEW_OF(text);
    if (!bytes_at(f, f->stop.rip, text) || !view_starts(v, VIEW("\x67\x0f\xb9")))
        return false;
    u8 operand = view_at(v, 3) >> 6; /* ModRM.mod: no, 1 or 4 bytes of displacement */
    *code = operand == 0 ? 0 : operand == 1 ? view_at(v, 4) : load_le32(v, 4);
    return true;
}

/* Instructions of which the processor's manual says that only ring 0, or who may do input and
 * output, can use them; other general protection faults are addresses. */
static bool is_privileged(const struct finding *f)
{
    static const u8 one_byte[] = {0xf4, 0xfa, 0xfb, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed,
                                  0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f, 0xcf, 0xcb, 0xcd};
    static const u8 after_0f[] = {0x00, 0x01, 0x06, 0x07, 0x08, 0x09, 0x20,
                                  0x21, 0x22, 0x23, 0x30, 0x32, 0x33};
    u8 text[8];
    if (!bytes_at(f, f->stop.rip, text))
        return false;
    struct view v = VIEW_OF(text), codes = VIEW_OF(one_byte);
    if (view_at(v, 0) >= 0x48 && view_at(v, 0) < 0x50) /* REX.W */
        v = view_from(v, 1);
    if (view_at(v, 0) == 0x0f) {
        v = view_from(v, 1);
        codes = VIEW_OF(after_0f);
    }
    return view_find(codes, view_at(v, 0)) < codes.n;
}

/* What the compiler puts where a pointer's object is known, and the access is not inside
 * (-fsanitize=local-bounds, which has no number); a null pointer's object has no bytes. */
static bool is_ud2(const struct finding *f)
{
    u8 text[8];
    return bytes_at(f, f->stop.rip, text) && view_starts(VIEW_OF(text), VIEW("\x0f\x0b"));
}

/* ---- places --------------------------------------------------------------------- */

/* "symbol+0x1c (image+0x2340)", or where else it is. */
static void put_place(struct writer *w, const struct finding *f, u64 address)
{
    if (in_image(f, address)) {
        report_put_function(w, &f->names, address - f->r->base);
        return;
    }
    put_text(w, "0x");
    put_hex(w, address, 1);
    put_text(w, address > 0 && address < NULL_AREA ? " (near null)" : " (outside of the image)");
}

static bool is_constant(const struct finding *f, const struct elf_segment *s, u64 address)
{
    u64 at = address - f->r->base;
    return !(s->flags & ELF_W) || (at >= f->r->elf->relro && at - f->r->elf->relro < f->r->elf->relro_n);
}

static void put_segment(struct writer *w, const struct finding *f)
{
    const struct elf_segment *s = segment_of(f, f->stop.address);
    put_text(w, !s                                   ? "a hole of the image: "
                : s->flags & ELF_X                   ? "the code: "
                : is_constant(f, s, f->stop.address) ? "read-only data: "
                                                     : "data: ");
    put_place(w, f, f->stop.address);
}

/* A field of what a pointer found in released memory leads to. */
static bool is_released(u64 address)
{
    return address >= RELEASED_WORD && address - RELEASED_WORD < RELEASED_REACH;
}

static bool in_window(const struct finding *f, u64 address)
{
    for (size_t i = 0; i < COUNT(f->r->windows); i++)
        if (within(AT(f->r->windows, i), address))
            return true;
    return false;
}

/* In the page that ends at `low`. */
static bool is_below(u64 low, u64 address)
{
    return address < low && low - address <= ELF_PAGE;
}

static bool is_in_fibers_guard(const struct finding *f)
{
    return f->fiber.magic && is_below(f->fiber.stack_low, f->stop.address);
}

/* What lies at the address that could not be accessed. */
static void put_what_lies_there(struct writer *w, const struct finding *f)
{
    const struct report *r = f->r;
    u64 address = f->stop.address, word;
    if (address < NULL_AREA)
        put_text(w, "no memory: a null pointer");
    else if (address < NULL_REACH)
        put_text(w, "no memory: a null pointer, and far into what it should lead to");
    else if (is_released(address))
        put_text(w, "a pointer found in memory that was released");
    else if (is_in_fibers_guard(f))
        put_text(w, "the guard page of this fiber's stack: the stack is too small");
    else if (is_below(r->stack.at, address))
        put_text(w, "the guard page of the boot stack: the stack is too small");
    else if (within(r->boot_record, address)) /* may lie in the image's last page of constants */
        put_text(w, "the boot record, which is read-only");
    else if (in_image(f, address))
        put_segment(w, f);
    else if (within(r->bundle, address))
        put_text(w, "the bundle, which is read-only");
    else if (within(r->memory, address))
        put_text(w, f->stop.access == ACCESS_FETCH && peek(f, address & ~(u64)7, &word)
                        ? "the image's memory, which is not code"
                        : "a guard page in the image's memory");
    else if (address >= r->memory.at && address - r->memory.at - r->memory.n < ELF_PAGE)
        put_text(w, "the guard page behind the image's memory");
    else if (in_window(f, address))
        put_text(w, "what a device received");
    else
        put_text(w, "nothing of the image's");
}

/* ---- the parts of a report ------------------------------------------------------ */

static void put_access(struct writer *w, const struct finding *f)
{
    static const char *const words[] = {
        [ACCESS_UNKNOWN] = "access to 0x",
        [ACCESS_READ] = "read of 0x",
        [ACCESS_WRITE] = "write to 0x",
        [ACCESS_FETCH] = "jump to 0x",
    };
    put_text(w, AT(words, f->stop.access));
    put_hex(w, f->stop.address, 1);
    put_text(w, ", ");
    put_what_lies_there(w, f);
}

static void put_cause(struct writer *w, const struct finding *f)
{
    unsigned code;
    switch (f->stop.kind) {
    case STOP_ACCESS:
        put_access(w, f);
        break;
    case STOP_PROTECTION:
        put_text(w, is_privileged(f) ? "an instruction that is the machine's to use"
                                     : "an address that no memory can have");
        break;
    case STOP_INSTRUCTION:
        put_text(w, trap_code(f, &code) ? trap_name(code)
                    : is_ud2(f)         ? "access outside of an object, or through a null pointer"
                                        : "an instruction that is none");
        break;
    case STOP_DIVISION:
        put_text(w, "division by zero or overflow");
        break;
    case STOP_SYSTEM_CALL:
        put_text(w, "a system call of its own");
        break;
    case STOP_FILE:
        put_text(w, "a file it runs from was cut short");
        break;
    case STOP_SENT:
        put_text(w, "sent a signal by another process");
        break;
    case STOP_UNKNOWN:
        put_text(w, "the processor refused to go on");
        break;
    }
    if (f->stop.kind != STOP_SENT && f->stop.access != ACCESS_FETCH && !in_image(f, f->stop.rip))
        put_text(w, ", in what the host was asked to do");
}

static void put_fiber(struct writer *w, const struct finding *f)
{
    if (!f->fiber.magic)
        return;
    put_text(w, "  fiber    ");
    put_peeked(w, f, (u64)f->fiber.name);
    u64 scope = (u64)f->fiber.scope;
    for (int i = 0; i < SCOPES_MAX && scope != 0; i++) {
        u64 name, parent;
        if (!peek_after(f, scope, offsetof(struct scope_report, name), &name) ||
            !peek_after(f, scope, offsetof(struct scope_report, parent), &parent))
            break;
        put_text(w, i == 0 ? ", in scope " : " < ");
        put_peeked(w, f, name);
        scope = parent;
    }
    put_u8(w, '\n');
}

/* One line a frame; of a recursion the first and how often it goes on. */
static void put_frame(struct writer *w, struct finding *f, u64 at, u64 before, u64 *again)
{
    if (at == before) {
        ++*again;
        return;
    }
    if (*again > 0) {
        put_text(w, "           … ");
        put_dec(w, *again);
        put_text(w, " times more\n");
        *again = 0;
    }
    const char *label = before == 0 ? "  at       " : "  from     ";
    if (in_image(f, at)) {
        if (f->places_n < PLACES_MAX)
            f->places[f->places_n++] = at - f->r->base;
        report_put_frame(w, &f->names, label, at - f->r->base);
        return;
    }
    put_text(w, label);
    put_place(w, f, at);
    put_u8(w, '\n');
}

/* Frames by their saved %rbp: each pair of words holds the caller's and the return
 * address, and lies above the one before. A jump astray has left no frame yet, only
 * a return address on the stack. */
static void put_backtrace(struct writer *w, struct finding *f)
{
    u64 frame = f->stop.rbp, at = f->stop.rip, before = 0, again = 0, next;
    for (int i = 0; i < FRAMES_MAX; i++) {
        put_frame(w, f, at, before, &again);
        before = at;
        if (i == 0 && f->stop.access == ACCESS_FETCH && peek(f, f->stop.rsp, &at) && at != 0) {
            at--;
            continue;
        }
        if (!peek(f, frame, &next) || !peek_after(f, frame, 8, &at) || at == 0)
            return;
        at--; /* the call, not what follows it */
        if (next <= frame && next != 0)
            return;
        frame = next;
    }
}

/* As much of it as leaves room for what comes after. */
static void put_part(struct writer *w, struct finding *f)
{
    struct span room = span_from(w->out, w->n);
    struct writer part = writer_of(span_first(room, sat_sub(room.n, AFTER_BYTES)));
    put_backtrace(&part, f);
    w->n += part.n;
    if (part.full)
        put_text(w, "\n           …\n");
}

static void put_image(struct writer *w, const struct report *r)
{
    put_text(w, "  image    ");
    put_text(w, r->name);
    struct view id = elf_build_id(r->elf);
    if (id.n > 0) {
        put_text(w, ", build id ");
        put_hex_bytes(w, id);
    }
    put_text(w, ", at 0x");
    put_hex(w, r->base, 1);
    put_text(w, ", on pith " PITH_VERSION ", host ");
    put_text(w, r->host);
    put_u8(w, '\n');
}

/* ---- hints ---------------------------------------------------------------------- */

/* Clang's numbers (base/trap.c). */
enum {
    SUM = 0,
    CFI = 2,
    DIVISION = 3,
    NARROWED = 7,
    PRODUCT = 12,
    INDEX = 18,
    SHIFT = 20,
    DIFFERENCE = 21,
    OBJECT = 22,
};

static const struct {
    unsigned code;
    const char *hint;
} hints[] = {
    {SUM,
     "ckd_add tells of it, sat_add stops at the largest number, wrap_add32 wraps on purpose (base/num.h)"},
    {PRODUCT, "ckd_mul tells of it, wrap_mul64 wraps on purpose (base/num.h)"},
    {DIFFERENCE,
     "compare before; ckd_sub tells of it, sat_sub stops at 0, wrap_sub32 wraps on purpose (base/num.h)"},
    {CFI, "the function is of another type than the pointer it was called through, or is none"},
    {DIVISION, "look at the divisor before"},
    {NARROWED, "look at the number before; (u16)x cuts on purpose"},
    {INDEX, "look at the index before"},
    {SHIFT, "a shift is less than the number's width in bits"},
    {OBJECT, "a pointer leads outside of the object it was made for"},
    {TRAP_BOUNDS, "look at .n or COUNT before, or at a reader's .bad after"},
    {TRAP_STALE, "a handle is not kept beyond the object's release"},
    {TRAP_NARROW, "look at the number before; (u16)x cuts on purpose"},
    {TRAP_STACK, "something wrote past the end of an array of the function below"},
    {TRAP_LIMIT, "raise the limit in the manifest"},
    {TRAP_TWICE, "one place owns an object and releases it; who else needs it has a handle"},
    {TRAP_WRITTEN, "somebody kept a pointer to an object that another released: keep a handle"},
    {TRAP_LIVES, "open the SCOPE in the block of the variable, or take the memory from an arena"},
};

static const char *hint_of_access(const struct finding *f)
{
    const u64 address = f->stop.address;
    if (is_in_fibers_guard(f))
        return "raise stack_kib in the manifest, bound a recursion, or take a large array from an arena";
    if (is_released(address))
        return "a pooled object is kept as a handle; what an arena gave ends with its reset";
    if (address < NULL_AREA)
        return "nobody set the pointer, or a function that answers NULL for none was not asked";
    return NULL;
}

/* What to do about it; NULL: the first line says it all. */
static const char *hint_of(const struct finding *f)
{
    unsigned code;
    if (f->stop.kind == STOP_ACCESS)
        return hint_of_access(f);
    if (f->stop.kind != STOP_INSTRUCTION || !trap_code(f, &code))
        return NULL;
    for (size_t i = 0; i < COUNT(hints); i++)
        if (hints[i].code == code)
            return hints[i].hint;
    return NULL;
}

/* ---- finding out ---------------------------------------------------------------- */

/* Where the variable fiber_current is, counted from the image's first byte. */
static bool find_current(const struct elf *e, u64 *out)
{
    struct elf_notes it = elf_notes_of(e);
    struct elf_note note;
    while (elf_note_next(&it, &note)) {
        if (note.type != NOTE_FIBER || !view_eq(note.owner, VIEW("Pith")) || note.desc.n != sizeof(u64))
            continue;
        u64 offset = (u64)note.desc.p - (u64)e->file.p;
        for (u32 i = 0; i < e->segments_n; i++) {
            const struct elf_segment *s = &AT(e->segments, i);
            if (offset < s->offset || offset - s->offset >= s->file_n)
                continue;
            *out = wrap_add64(s->address + (offset - s->offset), load_le64(note.desc, 0));
            return true;
        }
    }
    return false;
}

/* What the image left of its running fiber, if it is what it should be. */
static void find_fiber(struct finding *f)
{
    u64 variable, at, words[sizeof(struct fiber_report) / 8];
    _Static_assert(sizeof(struct fiber_report) % 8 == 0, "read in words");
    if (!find_current(f->r->elf, &variable) || variable >= f->r->elf->span ||
        !peek(f, f->r->base + variable, &at))
        return;
    for (size_t i = 0; i < COUNT(words); i++)
        if (!peek_after(f, at, i * 8, &words[i]))
            return;
    copy(SPAN_OF(f->fiber), VIEW_OF(words));
    if (f->fiber.magic != FIBER_REPORT_MAGIC)
        f->fiber.magic = 0;
}

/* div and idiv: REX prefixes, then F6 or F7 with 6 or 7 in ModRM.reg. */
static bool divides(struct view text)
{
    u8 first = view_at(text, 0);
    if (first >= 0x40 && first < 0x50)
        text = view_from(text, 1);
    return (view_at(text, 0) | 1) == 0xf7 && (view_at(text, 1) >> 3 & 7) >= 6;
}

/* syscall, sysenter and int $0x80, which processors refuse in different ways. */
static bool calls_kernel(const struct finding *f)
{
    u8 text[8];
    struct view v = VIEW_OF(text);
    return instruction_at(f, f->stop.rip, text) &&
           (view_starts(v, VIEW("\x0f\x05")) || view_starts(v, VIEW("\x0f\x34")) ||
            view_starts(v, VIEW("\xcd\x80")));
}

/* A processor without interrupt handlers only says where it stopped. */
static void find_kind(struct finding *f)
{
    struct stop *s = &f->stop;
    unsigned code;
    u8 text[8];
    if ((s->kind == STOP_INSTRUCTION || s->kind == STOP_PROTECTION) && calls_kernel(f))
        s->kind = STOP_SYSTEM_CALL;
    if (s->kind != STOP_UNKNOWN)
        return;
    s->kind = STOP_ACCESS;
    if (!instruction_at(f, s->rip, text)) {
        s->access = ACCESS_FETCH;
        s->address = s->rip;
    } else if (trap_code(f, &code) || is_ud2(f)) {
        s->kind = STOP_INSTRUCTION;
    } else if (s->address == 0 && divides(VIEW_OF(text))) {
        s->kind = STOP_DIVISION;
    } else {
        u64 word;
        bool reads = peek(f, s->address & ~(u64)7, &word);
        s->access = reads ? ACCESS_WRITE : ACCESS_UNKNOWN;
    }
}

static void put_hint(struct writer *w, const struct finding *f)
{
    const char *hint = hint_of(f);
    if (!hint)
        return;
    put_text(w, "  hint     ");
    put_text(w, hint);
    put_u8(w, '\n');
}

/* Where lines are missing, the command that tells them. */
static void put_how_to_get_lines(struct writer *w, const struct finding *f)
{
    if (f->names.lines.info.n > 0 || f->places_n == 0)
        return;
    put_text(w, "  lines    pith symbolize ");
    put_text(w, f->r->path);
    for (size_t i = 0; i < f->places_n; i++) {
        put_text(w, " 0x");
        put_hex(w, f->places[i], 1);
    }
    put_u8(w, '\n');
}

void report_write(struct writer *w, const struct report *r, const struct stop *stop)
{
    struct elf debug;
    bool has_debug = r->debug.n > 0 && elf_decode(&debug, r->debug) == OK;
    struct finding f = {.r = r, .stop = *stop};
    f.names = report_names_of(r->elf, has_debug ? &debug : NULL);
    if (stop->kind != STOP_ACCESS)
        f.stop.access = ACCESS_UNKNOWN;
    find_fiber(&f);
    find_kind(&f);
    put_text(w, "pith: ");
    put_text(w, r->name);
    put_text(w, " crashed: ");
    put_cause(w, &f);
    put_u8(w, '\n');
    put_hint(w, &f);
    put_fiber(w, &f);
    put_part(w, &f);
    put_image(w, r);
    put_how_to_get_lines(w, &f);
}
