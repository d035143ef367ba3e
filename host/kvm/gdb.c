/* gdb's remote protocol (Debugging with GDB, appendix E) for a guest, over one descriptor.
 * Breakpoints are int3 in this process's private copy of the code. Where the kernel can
 * debug guests it stops them; where it cannot, int3 and the trap flag end as every other
 * exception does here: there is no handler, so the machine shuts down, and goes on from
 * there. Addresses are the same on both sides. */
#include "host/kvm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fmt.h"
#include "base/num.h"

enum { PACKET_MAX = 4096, BREAKS_MAX = 64, INTERRUPT = 3, INT3 = 0xcc, TRAP_FLAG = 0x100 };
enum { DEBUG_EXCEPTION = 1, BREAKPOINT = 3 }; /* vectors */

struct breakpoint {
    u64 at;
    u8 text; /* what lay there */
    bool set;
};

static struct {
    struct breakpoint breaks[BREAKS_MAX];
    u8 in[PACKET_MAX], out[PACKET_MAX];
    bool ended; /* the guest cannot go on */
} gdb;

static void on_input(int signal)
{
    (void)signal;
    machine.run->immediate_exit = 1;
    process.sleep = (struct timespec){0};
}

/* What gdb says while the guest runs interrupts it. The code becomes this process's own. */
bool gdb_open(void)
{
    struct sigaction input = {.sa_handler = on_input, .sa_flags = SA_ONSTACK};
    return fcntl(STDIN_FILENO, F_SETOWN, getpid()) == 0 &&
           fcntl(STDIN_FILENO, F_SETFL, O_RDWR | O_ASYNC) == 0 && sigaction(SIGIO, &input, NULL) == 0 &&
           mprotect(process.base, process.elf->span, PROT_READ | PROT_WRITE) == 0;
}

/* ---- packets --------------------------------------------------------------------- */

static u8 read_byte(void)
{
    u8 c;
    while (read(PROCESS_FD_DEBUG, &c, 1) != 1)
        if (errno != EINTR)
            _exit(EXIT_GONE); /* gdb is */
    return c;
}

static void put_text_out(struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(PROCESS_FD_DEBUG, v.p, v.n);
        if (n < 0 && errno != EINTR)
            _exit(EXIT_GONE);
        v = view_from(v, n < 0 ? 0 : (size_t)n);
    }
}

/* "$data#sum": a packet's data. Sums are not looked at: this is a pipe. */
static struct view get_packet(void)
{
    struct writer w = writer_of(SPAN_OF(gdb.in));
    while (read_byte() != '$')
        ;
    for (u8 c; (c = read_byte()) != '#';)
        put_u8(&w, c);
    read_byte();
    read_byte();
    put_text_out(VIEW("+"));
    return written(&w);
}

static void put_packet(struct view data)
{
    u8 end[3];
    u32 sum = 0;
    struct writer w = writer_of(SPAN_OF(end));
    for (size_t i = 0; i < data.n; i++)
        sum += view_at(data, i);
    put_u8(&w, '#');
    put_hex(&w, sum & 0xff, 2);
    put_text_out(VIEW("$"));
    put_text_out(data);
    put_text_out(written(&w));
}

/* The last packet, which gdb acknowledges before anything goes away. */
static void put_end(u32 code)
{
    u8 text[4];
    struct writer w = writer_of(SPAN_OF(text));
    put_u8(&w, 'W');
    put_hex(&w, code, 2);
    put_packet(written(&w));
    read_byte();
}

static u8 hex_digit(u8 c)
{
    return c >= 'a' ? (u8)(c - 'a' + 10) : c >= 'A' ? (u8)(c - 'A' + 10) : (u8)(c - '0');
}

static bool is_hex(u8 c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The number that a view begins with; takes it and the sign behind it away. */
static u64 take_number(struct view *v)
{
    u64 x = 0;
    while (v->n > 0 && is_hex(view_at(*v, 0))) {
        x = x << 4 | hex_digit(view_at(*v, 0));
        *v = view_from(*v, 1);
    }
    *v = view_from(*v, v->n > 0);
    return x;
}

/* ---- memory ---------------------------------------------------------------------- */

static bool can_read(u64 at, u64 n)
{
    u64 word;
    for (u64 i = at & ~(u64)7; i < at + n; i += 8)
        if (!process_peek(i, &word))
            return false;
    return true;
}

static bool can_write(u64 at, u64 n)
{
    const struct area own[] = {{process.base, process.elf->span}, process.stack, process.memory};
    for (size_t i = 0; i < COUNT(own); i++)
        if (at >= (u64)own[i].p && at - (u64)own[i].p < own[i].n && n <= own[i].n - (at - (u64)own[i].p))
            return can_read(at, n);
    return false;
}

/* Memory as the image has it: without breakpoints. */
static u8 byte_at(u64 at)
{
    for (size_t i = 0; i < COUNT(gdb.breaks); i++)
        if (gdb.breaks[i].set && gdb.breaks[i].at == at)
            return gdb.breaks[i].text;
    return *(const u8 *)at;
}

static bool read_memory(struct view v, struct writer *out)
{
    u64 at = take_number(&v), n = MIN(take_number(&v), (u64)(PACKET_MAX / 2 - 8));
    if (!can_read(at, n))
        return false;
    for (u64 i = 0; i < n; i++)
        put_hex(out, byte_at(at + i), 2);
    return true;
}

static bool write_memory(struct view v)
{
    u64 at = take_number(&v), n = take_number(&v);
    if (v.n / 2 < n || !can_write(at, n))
        return false;
    for (u64 i = 0; i < n; i++)
        ((u8 *)at)[i] = (u8)(hex_digit(view_at(v, 2 * i)) << 4 | hex_digit(view_at(v, 2 * i + 1)));
    return true;
}

static bool set_break(u64 at)
{
    struct breakpoint *free = NULL;
    for (size_t i = 0; i < COUNT(gdb.breaks); i++) {
        if (gdb.breaks[i].set && gdb.breaks[i].at == at)
            return true;
        free = gdb.breaks[i].set ? free : &gdb.breaks[i];
    }
    if (!free || !can_write(at, 1))
        return false;
    *free = (struct breakpoint){at, *(u8 *)at, true};
    *(u8 *)at = INT3;
    return true;
}

static void clear_break(u64 at)
{
    for (size_t i = 0; i < COUNT(gdb.breaks); i++) {
        if (!gdb.breaks[i].set || gdb.breaks[i].at != at)
            continue;
        *(u8 *)at = gdb.breaks[i].text;
        gdb.breaks[i].set = false;
    }
}

/* ---- registers: in gdb's order, as far as rip; then eflags and segments ------------- */

enum { REGISTERS = 17 };

static void in_order(struct kvm_regs *r, __u64 *list[REGISTERS])
{
    __u64 *order[REGISTERS] = {&r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp, &r->rsp, &r->r8,
                               &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15, &r->rip};
    memcpy(list, order, sizeof order);
}

static void put_little(struct writer *w, u64 x, u32 bytes)
{
    for (u32 i = 0; i < bytes; i++)
        put_hex(w, x >> 8 * i & 0xff, 2);
}

static bool read_registers(struct writer *out)
{
    struct kvm_regs r;
    struct kvm_sregs s;
    __u64 *list[REGISTERS];
    if (ioctl(PROCESS_FD_EXTRA, KVM_GET_REGS, &r) != 0 || ioctl(PROCESS_FD_EXTRA, KVM_GET_SREGS, &s) != 0)
        return false;
    in_order(&r, list);
    for (size_t i = 0; i < COUNT(list); i++)
        put_little(out, *list[i], 8);
    const u32 rest[] = {(u32)r.rflags, s.cs.selector, s.ss.selector, s.ds.selector,
                        s.es.selector, s.fs.selector, s.gs.selector};
    for (size_t i = 0; i < COUNT(rest); i++)
        put_little(out, rest[i], 4);
    return true;
}

static bool write_register(struct view v)
{
    struct kvm_regs r;
    __u64 *list[REGISTERS];
    u64 number = take_number(&v), x = 0;
    if (number >= COUNT(list) || v.n < 16 || ioctl(PROCESS_FD_EXTRA, KVM_GET_REGS, &r) != 0)
        return false;
    for (u32 i = 0; i < 8; i++)
        x |= (u64)(hex_digit(view_at(v, 2 * i)) << 4 | hex_digit(view_at(v, 2 * i + 1))) << 8 * i;
    in_order(&r, list);
    *list[number] = x;
    return ioctl(PROCESS_FD_EXTRA, KVM_SET_REGS, &r) == 0;
}

/* ---- stopping and going on -------------------------------------------------------- */

/* One instruction, or until something stops it. */
static void go_on(bool step)
{
    struct kvm_guest_debug d = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
                                           (step ? KVM_GUESTDBG_SINGLESTEP : 0u)};
    struct kvm_regs r;
    if (gdb.ended) { /* crashed: it would do the same again */
        put_end(EXIT_CRASH);
        _exit(EXIT_CRASH);
    }
    ioctl(PROCESS_FD_EXTRA, KVM_SET_GUEST_DEBUG, &d); /* where it cannot, the flag does */
    if (ioctl(PROCESS_FD_EXTRA, KVM_GET_REGS, &r) == 0) {
        r.rflags = step ? r.rflags | TRAP_FLAG : r.rflags & ~(u64)TRAP_FLAG;
        ioctl(PROCESS_FD_EXTRA, KVM_SET_REGS, &r);
    }
}

static void answer_query(struct view q, struct writer *out)
{
    if (view_starts(q, VIEW("qSupported")))
        put_text(out, "PacketSize=fff");
    else if (view_starts(q, VIEW("qAttached")))
        put_u8(out, '0'); /* gdb started it, and ends it */
    else if (view_starts(q, VIEW("qOffsets"))) {
        static const char *const parts[] = {"Text=", ";Data=", ";Bss="};
        for (size_t i = 0; i < COUNT(parts); i++) {
            put_text(out, parts[i]);
            put_hex(out, (u64)process.base, 1);
        }
    }
}

static void put_answer(struct writer *w, bool good)
{
    put_text(w, good ? "OK" : "E01");
}

/* Answers packets until one lets the guest go on. */
static void talk(void)
{
    for (;;) {
        struct view p = get_packet();
        struct writer out = writer_of(SPAN_OF(gdb.out));
        struct view rest = view_from(p, p.n > 0);
        switch (p.n > 0 ? view_at(p, 0) : 0) {
        case 'c':
        case 'C': /* with a signal, which nobody here takes */
            go_on(false);
            return;
        case 's':
        case 'S':
            go_on(true);
            return;
        case 'k':
            _exit(EXIT_GONE);
        case '?':
            put_text(&out, "S05");
            break;
        case 'g':
            if (!read_registers(&out))
                put_answer(&out, false);
            break;
        case 'P':
            put_answer(&out, write_register(rest));
            break;
        case 'm':
            if (!read_memory(rest, &out))
                put_answer(&out, false);
            break;
        case 'M':
            put_answer(&out, write_memory(rest));
            break;
        case 'q':
            answer_query(p, &out);
            break;
        case 'H':
            put_answer(&out, true);
            break;
        case 'Z':
        case 'z': {
            if (rest.n < 2 || view_at(rest, 0) != '0')
                break; /* software breakpoints only */
            struct view where = view_from(rest, 2);
            u64 at = take_number(&where);
            bool set = view_at(p, 0) == 'Z';
            put_answer(&out, set ? set_break(at) : (clear_break(at), true));
            break;
        }
        default:
            break; /* an empty answer: not known here */
        }
        put_packet(written(&out));
    }
}

static void gdb_stopped(u8 signal)
{
    u8 text[4];
    struct writer w = writer_of(SPAN_OF(text));
    put_u8(&w, 'S');
    put_hex(&w, signal, 2);
    put_packet(written(&w));
    talk();
}

void gdb_start(void)
{
    talk();
}

/* Whether gdb interrupts (^C); the signal that brought us here may have been another. */
void gdb_look(void)
{
    struct pollfd input = {.fd = PROCESS_FD_DEBUG, .events = POLLIN};
    const struct timespec now = {0};
    machine.run->immediate_exit = 0;
    while (ppoll(&input, 1, &now, NULL) == 1)
        if (read_byte() == INTERRUPT) {
            gdb_stopped(SIGINT);
            return;
        }
}

bool gdb_took_stop(void)
{
    struct kvm_regs r;
    struct kvm_vcpu_events e = {0};
    bool debug = machine.run->exit_reason == KVM_EXIT_DEBUG;
    u32 vector = debug ? machine.run->debug.arch.exception : 0;
    if (ioctl(PROCESS_FD_EXTRA, KVM_GET_REGS, &r) != 0)
        return false;
    if (!debug && ioctl(PROCESS_FD_EXTRA, KVM_GET_VCPU_EVENTS, &e) == 0)
        vector = e.exception.nr;
    if (!debug && vector == BREAKPOINT) { /* behind the int3, as if it had been handled */
        r.rip -= 1;
        ioctl(PROCESS_FD_EXTRA, KVM_SET_REGS, &r);
    } else if (!debug && vector != DEBUG_EXCEPTION) {
        return false;
    }
    gdb_stopped(SIGTRAP);
    return true;
}

noreturn_ void gdb_crashed(u8 signal)
{
    gdb.ended = true;
    for (;;)
        gdb_stopped(signal);
}

void gdb_exited(u32 code)
{
    put_end(MIN(code, (u32)UINT8_MAX));
}
