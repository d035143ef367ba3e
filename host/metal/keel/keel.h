/* The keel: all that runs in ring 0 of a virtual machine. It brings the processor to
 * 64 bits, owns the page tables and the local APIC, and answers the calls below from
 * ring 3, where the drivers (host/metal) and the image run. Interrupts are open only
 * while it sleeps in KEEL_WAIT, so nothing ever preempts ring 3 and no driver needs a
 * handler: an interrupt ends a wait, and that is all it does.
 *
 * Physical = virtual for the keel and the drivers, 1 MiB up. Everything else that ring
 * 3 sees it asks for with KEEL_MAP, at KEEL_MAP_LOW or above. The keel reads and writes
 * no memory of ring 3's: arguments are numbers in registers. */
#ifndef HOST_METAL_KEEL_KEEL_H
#define HOST_METAL_KEEL_KEEL_H

#define KEEL_BASE 0x100000
#define KEEL_LAPIC 0xfee00000

/* How the machine was booted, and so what the word at `info` is (metal_start). */
#define KEEL_BOOT_PVH 1
#define KEEL_BOOT_MULTIBOOT2 2

/* Calls: number in %rax, arguments in %rdi, %rsi, %rdx, %r10, answer in %rax; 0 is
 * success, -1 an argument that makes no sense. The call itself is an invalid opcode at
 * one address, in keel_call: that works on every machine, where a hypervisor without
 * hardware support gets neither SYSCALL nor INT right. Anywhere else, and with any other
 * number, it is a fault. Until KEEL_SEAL: */
#define KEEL_MAP 0   /* (virtual, physical, pages, enum keel_access): maps, or maps anew */
#define KEEL_GIVE 1  /* (physical, pages): RAM for page tables; nothing is writable before */
#define KEEL_PORTS 2 /* (first, n): opens I/O ports below KEEL_PORTS_END */
#define KEEL_SEAL 3  /* (handler, stack): faults go there from now on; ends the first calls */
/* and always: */
#define KEEL_TIMER 4    /* (): the APIC timer's count, which falls from 2^32 - 1 at its clock's rate */
#define KEEL_WAIT 5     /* (tsc, ticks): sleeps until an interrupt, or the processor's clock is at
                           tsc, or, where it has no such timer, the APIC timer counted ticks */
#define KEEL_GUARD 6    /* (virtual): takes the access to one page away */
#define KEEL_READABLE 7 /* (virtual): 1 where ring 3 can read, else 0 */
#define KEEL_END 8      /* (): resets the machine; does not return */
#define KEEL_CALLS 9

#define KEEL_PORTS_END 0x1000

/* Physical memory that ring 3 looks at is mapped here by convention: KEEL_WINDOW +
 * physical address. The keel itself puts struct keel_public there, for reading. */
#define KEEL_MAP_LOW 0x100000000
#define KEEL_WINDOW 0x10000000000
#define KEEL_MAP_HIGH 0x800000000000

#define KEEL_VECTOR 0x30 /* for interrupts of devices: any of 0x20 to 0x3f ends a wait */

/* Offsets of struct keel_fault in struct keel_public. */
#define KEEL_FAULT 64

#ifndef __ASSEMBLER__

#include "base/types.h"

enum keel_access {
    KEEL_READ = 0,
    KEEL_WRITE = 1,   /* and read */
    KEEL_EXECUTE = 2, /* and read */
    KEEL_DEVICE = 3,  /* read and write, not cached */
};

/* Why ring 3 stopped: what the processor said (Intel SDM vol. 3, §6.15). */
struct keel_fault {
    u64 vector, error, rip, rsp, rbp, address;
};

/* Read-only for ring 3, at KEEL_WINDOW + the address of keel_public. `time` and `wall`
 * are the hypervisor's to write (Linux, Documentation/virt/kvm/x86/msr.rst). */
struct keel_public {
    struct keel_time {
        u32 version, pad;
        u64 tsc, ns;
        u32 mul;
        i8 shift;
        u8 flags, pad2[2];
    } time;
    struct keel_wall {
        u32 version, s, ns;
    } wall;
    u32 has_time;         /* 1: the hypervisor keeps `time` and `wall` */
    u32 has_tsc_deadline; /* 1: KEEL_WAIT looks at tsc, 0: at ticks */
    u32 pad[3];
    struct keel_fault fault;
};

_Static_assert(offsetof(struct keel_public, fault) == KEEL_FAULT, "keel.S fills it in");

/* What ring 3 calls (host/metal/call.S). */
i64 keel_call(u64 number, u64 a, u64 b, u64 c, u64 d);

/* What the keel calls in ring 3, on a stack of its own. */
noreturn_ void metal_start(u64 boot, u64 info, const struct keel_public *public);

#endif
#endif
