/* The report of a crash, written from inside the sandbox by the handler of the
 * signal: no allocation, no file, nothing of the image trusted. Memory of the
 * image is read only after the kernel said that it can be. */
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/fmt.h"
#include "base/num.h"
#include "host/process/internal.h"
#include "sig/report.h"

enum { FRAMES_MAX = 1000, SCOPES_MAX = 16, NAME_MAX_SHOWN = 63, NULL_AREA = 64 * 1024 };

u8 process_signal_stack[32 * 1024] __attribute__((aligned(16)));

struct crash {
    int signal;
    int code;          /* siginfo's */
    u64 address;       /* that could not be accessed */
    u64 rip, rbp, rsp, fault; /* fault: the page fault's error code */
    struct elf_symbols symbols; /* n == 0: stripped */
    struct fiber_report fiber; /* magic 0: none was running */
};

/* Whether 8 bytes at `address` can be read. ppoll copies its signal mask from there
 * before it does anything (unless that is NULL), and with no time to wait it does
 * nothing. */
static bool readable(u64 address)
{
    struct timespec none = {0};
    return address >= NULL_AREA && syscall(SYS_ppoll, NULL, 0, &none, address, sizeof(u64)) == 0;
}

static bool peek(u64 address, u64 *out)
{
    if (address % sizeof(u64) != 0 || !readable(address))
        return false;
    *out = *(const u64 *)address;
    return true;
}

/* A text of the image, as far as it can be read. */
static void put_peeked(struct writer *w, u64 address)
{
    for (u64 i = 0; i < NAME_MAX_SHOWN; i++) {
        u64 word;
        if (!peek((address + i) & ~(u64)7, &word))
            return;
        u8 c = (u8)(word >> (address + i) % 8 * 8);
        if (c == 0)
            return;
        put_u8(w, c >= ' ' && c < 0x7f ? c : '?');
    }
}

static bool within(struct area a, u64 address)
{
    return address >= (u64)a.p && address - (u64)a.p < a.n;
}

static bool in_image(u64 address)
{
    return within((struct area){process.base, process.elf->span}, address);
}

/* "symbol+0x1c (image+0x2340)", or where else it is. */
static void put_place(struct writer *w, const struct crash *c, u64 address)
{
    struct elf_symbol s;
    if (!in_image(address)) {
        put_text(w, "0x");
        put_hex(w, address, 1);
        put_text(w, address > 0 && address < NULL_AREA ? " (near null)" : " (in the host)");
        return;
    }
    u64 at = address - (u64)process.base;
    if (elf_symbol_of(&c->symbols, at, &s)) {
        /* The compiler's name for what pointers lead to, under control flow integrity. */
        bool suffix = view_ends(s.name, VIEW(".cfi"));
        put_bytes(w, view_first(s.name, s.name.n - (suffix ? 4 : 0)));
        put_text(w, "+0x");
        put_hex(w, at - s.address, 1);
        put_u8(w, ' ');
    }
    put_text(w, "(image+0x");
    put_hex(w, at, 1);
    put_u8(w, ')');
}

/* The operand of a `ud1 code(%eax), %eax` where the trap was. */
static bool trap_code(u64 rip, unsigned *code)
{
    u64 words[2];
    u8 text[sizeof words];
    if (!peek(rip & ~(u64)7, &words[0]) || !peek((rip & ~(u64)7) + 8, &words[1]))
        return false;
    memcpy(text, words, sizeof text);
    struct view v = view_from(VIEW_OF(text), rip % 8);
    if (!view_starts(v, VIEW("\x67\x0f\xb9")))
        return false;
    u8 operand = view_at(v, 3) >> 6; /* ModRM.mod: no, 1 or 4 bytes of displacement */
    *code = operand == 0 ? 0 : operand == 1 ? view_at(v, 4) : load_le32(v, 4);
    return true;
}

static void put_segment(struct writer *w, const struct crash *c)
{
    const struct elf_segment *s = elf_segment_of(process.elf, c->address - (u64)process.base);
    u64 at = c->address - (u64)process.base;
    bool fixed = !s || !(s->flags & ELF_W) ||
                 (at >= process.elf->relro && at - process.elf->relro < process.elf->relro_n);
    put_text(w, !s                 ? "a hole of the image: "
                : s->flags & ELF_X ? "the code: "
                : fixed            ? "read-only data: "
                                   : "data: ");
    put_place(w, c, c->address);
}

/* What lies at the address that could not be accessed. */
static void put_what_lies_there(struct writer *w, const struct crash *c)
{
    struct area bundle = {(u8 *)(uintptr_t)process.bundle.p, process.bundle.n};
    u64 page = c->address & ~(u64)(ELF_PAGE - 1);
    if (c->address < NULL_AREA)
        put_text(w, "no memory: a null pointer");
    else if (c->fiber.magic && c->address < c->fiber.stack_low && c->fiber.stack_low - c->address <= ELF_PAGE)
        put_text(w, "the guard page of this fiber's stack: the stack is too small");
    else if (page == (u64)process.stack.p - ELF_PAGE)
        put_text(w, "the guard page of the boot stack: the stack is too small");
    else if (in_image(c->address))
        put_segment(w, c);
    else if (within(bundle, c->address))
        put_text(w, "the bundle, which is read-only");
    else if (within(process.info, c->address))
        put_text(w, "the boot record, which is read-only");
    else if (within(process.memory, c->address))
        put_text(w, "a guard page in the image's memory");
    else if (page == (u64)process.memory.p + process.memory.n)
        put_text(w, "the guard page behind the image's memory");
    else
        put_text(w, "nothing of the image's");
}

static void put_fault(struct writer *w, const struct crash *c)
{
    enum { WRITE = 2, FETCH = 16 }; /* bits of the page fault's error code */
    unsigned code;
    if (c->code <= 0) {
        put_text(w, "sent a signal by another process");
    } else if (c->signal == SIGILL) {
        put_text(w, trap_code(c->rip, &code) ? trap_name(code) : "an instruction that is none");
        put_text(w, in_image(c->rip) ? "" : ", in what the host was asked to do");
    } else if (c->signal == SIGFPE) {
        put_text(w, "division by zero or overflow");
    } else if (c->signal == SIGBUS) {
        put_text(w, "a file it runs from was cut short");
    } else {
        put_text(w, c->fault & FETCH ? "jump to 0x" : c->fault & WRITE ? "write to 0x" : "read of 0x");
        put_hex(w, c->address, 1);
        put_text(w, ", ");
        put_what_lies_there(w, c);
    }
}

static void put_fiber(struct writer *w, const struct crash *c)
{
    if (!c->fiber.magic)
        return;
    put_text(w, "  fiber    ");
    put_peeked(w, (u64)c->fiber.name);
    u64 scope = (u64)c->fiber.scope;
    for (int i = 0; i < SCOPES_MAX && scope != 0; i++) {
        u64 name, parent;
        if (!peek(scope + offsetof(struct scope_report, name), &name) ||
            !peek(scope + offsetof(struct scope_report, parent), &parent))
            break;
        put_text(w, i == 0 ? ", in scope " : " < ");
        put_peeked(w, name);
        scope = parent;
    }
    put_u8(w, '\n');
}

/* One line a frame; of a recursion the first and how often it goes on. */
static void put_frame(struct writer *w, const struct crash *c, u64 at, u64 before, u64 *again)
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
    put_text(w, before == 0 ? "  at       " : "  from     ");
    put_place(w, c, at);
    put_u8(w, '\n');
}

/* Frames by their saved %rbp: each pair of words holds the caller's and the return
 * address, and lies above the one before. A jump astray has left no frame yet, only
 * a return address on the stack. */
static void put_backtrace(struct writer *w, const struct crash *c)
{
    enum { FETCH = 16 };
    u64 frame = c->rbp, at = c->rip, before = 0, again = 0, next;
    for (int i = 0; i < FRAMES_MAX; i++) {
        put_frame(w, c, at, before, &again);
        before = at;
        if (i == 0 && c->signal == SIGSEGV && (c->fault & FETCH) && peek(c->rsp, &at)) {
            at--;
            continue;
        }
        if (!peek(frame, &next) || !peek(frame + 8, &at) || at == 0)
            return;
        at--; /* the call, not what follows it */
        if (next <= frame && next != 0)
            return;
        frame = next;
    }
}

static void put_image(struct writer *w)
{
    put_text(w, "  image    ");
    put_text(w, process.name);
    struct view id = elf_build_id(process.elf);
    if (id.n > 0) {
        put_text(w, ", build id ");
        put_hex_bytes(w, id);
    }
    put_text(w, ", at 0x");
    put_hex(w, (u64)process.base, 1);
    put_u8(w, '\n');
}

/* What the image left of its running fiber, if it is what it should be. */
static void find_fiber(struct crash *c)
{
    struct elf_symbol s;
    u64 at, words[sizeof(struct fiber_report) / 8];
    _Static_assert(sizeof(struct fiber_report) % 8 == 0, "read in words");
    if (!elf_symbol_named(&c->symbols, VIEW("fiber_current"), &s) || s.address >= process.elf->span ||
        !peek((u64)process.base + s.address, &at))
        return;
    for (size_t i = 0; i < COUNT(words); i++)
        if (!peek(at + i * 8, &words[i]))
            return;
    memcpy(&c->fiber, words, sizeof c->fiber);
    if (c->fiber.magic != FIBER_REPORT_MAGIC)
        c->fiber.magic = 0;
}

void process_crashed(int signal, siginfo_t *info, void *context)
{
    static u8 text[8192];
    const ucontext_t *u = context;
    const greg_t *g = u->uc_mcontext.gregs;
    struct crash c = {
        .signal = signal,
        .code = info->si_code,
        .address = (u64)info->si_addr,
        .rip = (u64)g[REG_RIP],
        .rbp = (u64)g[REG_RBP],
        .rsp = (u64)g[REG_RSP],
        .fault = (u64)g[REG_ERR],
    };
    if (elf_symbols(process.elf, &c.symbols) != OK)
        c.symbols.n = 0;
    find_fiber(&c);

    struct writer w = writer_of(SPAN_OF(text));
    put_text(&w, "pith: ");
    put_text(&w, process.name);
    put_text(&w, " crashed: ");
    put_fault(&w, &c);
    put_u8(&w, '\n');
    put_fiber(&w, &c);
    put_backtrace(&w, &c);
    put_image(&w);
    /* Nothing can be done about an error stream that is gone. */
    ssize_t ignored = write(STDERR_FILENO, text, w.n);
    (void)ignored;
    if (!process.core)
        _exit(134);
    /* The handler is gone (SA_RESETHAND): the instruction faults again, for the core file. */
}
