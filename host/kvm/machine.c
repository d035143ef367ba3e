/* The virtual machine: its memory, which is this process's, and its one processor, put
 * into ring 3 of long mode from outside. */
#include "host/kvm/internal.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "shim_bytes.h"

_Static_assert(sizeof shim_bytes <= SHIM_CODE_BYTES, "the shim's code has one page");

/* Control registers (Programmer's Manual, volume 2, chapter 3). */
#define CR0_BITS 0x80050033ull /* PG AM WP NE ET MP PE */
#define CR4_BITS 0x00040620ull /* OSXSAVE OSXMMEXCPT OSFXSR PAE */
#define CR4_UMIP 0x800ull
#define EFER_BITS 0xd00ull     /* NXE LMA LME; not SCE: there is no system call */
#define XCR0_BITS 0xe7ull      /* x87, SSE, AVX and AVX-512, as far as there are */
#define RFLAGS_BITS 0x2ull     /* nothing but the bit that is always set: IOPL 0 */

struct machine machine;

static bool refuse(char *error, size_t error_n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, error_n, format, args);
    va_end(args);
    return false;
}

static bool explain_open(char *error, size_t error_n)
{
    switch (errno) {
    case ENOENT:
        return refuse(error, error_n,
                      "--host kvm: there is no /dev/kvm: the machine has no virtualization, or its module "
                      "(kvm_amd, kvm_intel) is not loaded");
    case EACCES:
    case EPERM:
        return refuse(error, error_n,
                      "--host kvm: /dev/kvm is not yours to use; as root: usermod -aG kvm USER, and log in "
                      "again");
    default:
        return refuse(error, error_n, "--host kvm: /dev/kvm: %m");
    }
}

bool machine_open(char *error, size_t error_n)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        return explain_open(error, error_n);
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return refuse(error, error_n, "--host kvm: /dev/kvm speaks another version");
    machine.vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (machine.vm < 0)
        return refuse(error, error_n, "--host kvm: no virtual machine: %m");
    machine.vcpu = ioctl(machine.vm, KVM_CREATE_VCPU, 0);
    if (machine.vcpu < 0)
        return refuse(error, error_n, "--host kvm: no virtual processor: %m");
    int n = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    machine.run =
        n < 0 ? MAP_FAILED : mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, machine.vcpu, 0);
    if (machine.run == MAP_FAILED)
        return refuse(error, error_n, "--host kvm: the processor's page: %m");
    close(kvm);
    return true;
}

/* ---- memory ---------------------------------------------------------------------- */

static bool add_memory(u32 slot, u64 physical, const void *p, size_t n, u32 flags)
{
    struct kvm_userspace_memory_region region = {.slot = slot,
                                                 .flags = flags,
                                                 .guest_phys_addr = physical,
                                                 .memory_size = align_up(n, ELF_PAGE),
                                                 .userspace_addr = (u64)p};
    return n == 0 || ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

u64 physical_of(const void *p)
{
    u64 base = (u64)process.all.p;
    return ALL_AT + base % LARGE_PAGE + ((u64)p - base);
}

static u64 physical_of_bundle(struct view bundle)
{
    u64 behind = physical_of(process.all.p + process.all.n);
    return align_up(behind, LARGE_PAGE) + (u64)bundle.p % LARGE_PAGE;
}

static void map_area(const u8 *p, size_t n, enum page_access access, bool large)
{
    u64 slack = (u64)p % ELF_PAGE;
    tables_map((u64)p - slack, align_up(slack + n, ELF_PAGE), physical_of(p - slack), access, large);
}

static void map_image(const struct elf *e)
{
    for (u32 i = 0; i < e->segments_n; i++) {
        const struct elf_segment *s = &e->segments[i];
        enum page_access access = s->flags & ELF_W ? PAGE_WRITE : s->flags & ELF_X ? PAGE_EXECUTE : PAGE_READ;
        map_area(process.base + s->address, s->mem_n, access, false);
    }
    map_area(process.base + e->relro, e->relro_n, PAGE_READ, false);
}

/* Small pages where the image may close some (the stacks of its fibers come first). */
static void map_memory(void)
{
    enum { SMALL_BYTES = 64 << 20 };
    size_t small = MIN(process.memory.n, (size_t)SMALL_BYTES);
    map_area(process.memory.p, small, PAGE_WRITE, false);
    map_area(process.memory.p + small, process.memory.n - small, PAGE_WRITE, true);
}

size_t shim_size(const struct process_plan *plan)
{
    return SHIM_SHARE_AT + sizeof(struct shim_share) + plan->devices_n * sizeof(struct shim_net);
}

static void map_shim(size_t n)
{
    u8 *p = process.shim.p;
    map_area(p, SHIM_CODE_BYTES, PAGE_EXECUTE, false);
    tables_map((u64)p + SHIM_BELL_AT, ELF_PAGE, BELL_AT, PAGE_WRITE, false);
    map_area(p + SHIM_SHARE_AT, n - SHIM_SHARE_AT, PAGE_WRITE, false);
}

/* The shim begins with its table, as offsets. */
static void put_shim(void)
{
    u64 table[HOST_FUNCTIONS];
    memcpy(process.shim.p, shim_bytes, sizeof shim_bytes);
    memcpy(table, shim_bytes, sizeof table);
    for (size_t i = 0; i < COUNT(table); i++)
        table[i] += (u64)process.shim.p;
    memcpy(process.shim.p, table, sizeof table);
    machine.share = (struct shim_share *)(process.shim.p + SHIM_SHARE_AT);
    machine.share->devices_n = process.devices_n;
}

/* Each piece of memory given to the machine waits for all processors to have seen it, so
 * there is one, and one for the bundle. */
static bool fill_memory(const struct process_plan *plan)
{
    size_t shim_n = shim_size(plan);
    struct view bundle = plan->bundle;
    tables_open(process.shim.p + shim_n, process.shim.n - shim_n);
    map_image(process.elf);
    map_area(process.stack.p, process.stack.n, PAGE_WRITE, false);
    map_area(process.info.p, process.info.n, PAGE_READ, false);
    map_memory();
    for (u32 i = 0; i < process.devices_n; i++)
        map_area(process.windows[i].p, process.windows[i].n, PAGE_WRITE, false);
    put_shim();
    map_shim(shim_n);
    tables_map((u64)bundle.p, align_up(bundle.n, ELF_PAGE), physical_of_bundle(bundle), PAGE_READ, true);
    return add_memory(0, physical_of(process.all.p), process.all.p, process.all.n, 0) &&
           add_memory(1, physical_of_bundle(bundle), bundle.p, bundle.n, KVM_MEM_READONLY);
}

/* ---- the processor --------------------------------------------------------------- */

struct cpuid {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[8];
};

static const struct kvm_cpuid_entry2 *put_leaf(struct cpuid *c, u32 leaf)
{
    must(c->head.nent < COUNT(c->entries));
    struct kvm_cpuid_entry2 *e = &c->entries[c->head.nent++];
    *e = (struct kvm_cpuid_entry2){.function = leaf};
    __cpuid_count(leaf, 0, e->eax, e->ebx, e->ecx, e->edx);
    if (leaf == 7 || leaf == 13)
        e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    return e;
}

/* What the processor says of itself, as far as ring 3 can use it. Asking the kernel for
 * all that it could offer takes longer than the rest of this. */
static bool describe_processor(u64 *xcr0, u64 *cr4, u64 *address_bits)
{
    enum { UMIP = 1 << 2 };
    struct cpuid c = {{0}};
    put_leaf(&c, 0);
    put_leaf(&c, 1);
    *cr4 = CR4_BITS | (put_leaf(&c, 7)->ecx & UMIP ? CR4_UMIP : 0);
    *xcr0 = put_leaf(&c, 13)->eax & XCR0_BITS;
    put_leaf(&c, 0x80000000);
    put_leaf(&c, 0x80000001);
    *address_bits = put_leaf(&c, 0x80000008)->eax & 0xff;
    return ioctl(machine.vcpu, KVM_SET_CPUID2, &c) == 0;
}

static bool set_modes(u64 cr4)
{
    enum { CODE = 11, DATA = 3, USER_CODE = 0x33, USER_DATA = 0x2b }; /* types; selectors as Linux has them */
    struct kvm_sregs s;
    if (ioctl(machine.vcpu, KVM_GET_SREGS, &s) != 0)
        return false;
    s.cs = (struct kvm_segment){
        .limit = ~0u, .selector = USER_CODE, .type = CODE, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1};
    s.ss = (struct kvm_segment){
        .limit = ~0u, .selector = USER_DATA, .type = DATA, .present = 1, .dpl = 3, .s = 1, .db = 1, .g = 1};
    s.ds = s.es = s.fs = s.gs = s.ss;
    s.idt.limit = s.gdt.limit = 0; /* no handler, and nothing to load a segment from */
    s.cr0 = CR0_BITS;
    s.cr3 = physical_of(machine.tables.p);
    s.cr4 = cr4;
    s.efer = EFER_BITS;
    return ioctl(machine.vcpu, KVM_SET_SREGS, &s) == 0;
}

static bool set_registers(const struct host_boot *boot)
{
    struct kvm_regs r = {.rip = (u64)process.base + process.elf->entry,
                         .rsp = (u64)process.stack.p + process.stack.n,
                         .rdi = (u64)boot,
                         .rflags = RFLAGS_BITS};
    return ioctl(machine.vcpu, KVM_SET_REGS, &r) == 0;
}

/* The vector units that the kernel lets a guest have; SSE always. */
static bool set_vectors(u64 xcr0)
{
    enum { X87_SSE = 3 };
    struct kvm_xcrs x = {.nr_xcrs = 1, .xcrs[0].value = xcr0};
    if (ioctl(machine.vcpu, KVM_SET_XCRS, &x) == 0)
        return true;
    x.xcrs[0].value = X87_SSE;
    return ioctl(machine.vcpu, KVM_SET_XCRS, &x) == 0;
}

static u64 read_tsc(void)
{
    return __builtin_ia32_rdtsc();
}

/* Whether the guest reads the time stamp counter as it is read here, and it ticks evenly
 * (CPUID 0x80000007): then the shim can tell the time alone. */
static void share_tsc(void)
{
    enum { MSR_TSC = 0x10, EVEN = 1 << 8 };
    u64 offset = 0;
    u32 eax, ebx, ecx, edx;
    struct kvm_device_attr attribute = {.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET};
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } tsc = {.head.nmsrs = 1, .entry.index = MSR_TSC};
    __cpuid(0x80000007, eax, ebx, ecx, edx);
    attribute.addr = (u64)&offset;
    int khz = ioctl(machine.vcpu, KVM_GET_TSC_KHZ, 0);
    if (!(edx & EVEN) || khz <= 0)
        return;
    ioctl(machine.vcpu, KVM_SET_DEVICE_ATTR, &attribute); /* whether it worked is seen below */
    u64 before = read_tsc();
    if (ioctl(machine.vcpu, KVM_GET_MSRS, &tsc) == 1 && tsc.entry.data >= before &&
        tsc.entry.data <= read_tsc())
        machine.tsc_khz = (u64)khz;
}

/* The first run does nothing but let the kernel start the thread that it may want for a
 * virtual machine, which the sandbox would forbid. */
static bool first_run(void)
{
    machine.run->immediate_exit = 1;
    bool done = ioctl(machine.vcpu, KVM_RUN, 0) == 0 || errno == EINTR;
    machine.run->immediate_exit = 0;
    return done;
}

bool machine_fill(const struct process_plan *plan, const struct host_boot *boot, char *error, size_t error_n)
{
    u64 xcr0, cr4, address_bits;
    if (!describe_processor(&xcr0, &cr4, &address_bits))
        return refuse(error, error_n, "--host kvm: the processor cannot be described: %m");
    if (physical_of_bundle(plan->bundle) + plan->bundle.n > 1ull << address_bits)
        return refuse(error, error_n, "--host kvm: more memory than the processor can address; see --mem");
    if (!fill_memory(plan))
        return refuse(error, error_n, "--host kvm: no memory for the virtual machine: %m");
    if (!set_modes(cr4) || !set_registers(boot) || !set_vectors(xcr0))
        return refuse(error, error_n, "--host kvm: the processor cannot be set: %m");
    share_tsc();
    if (!first_run())
        return refuse(error, error_n, "--host kvm: the virtual machine does not start: %m");
    return true;
}
