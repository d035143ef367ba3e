/* The keel's assembly: from the boot loader to 64 bits, the tables that the processor
 * reads, faults, interrupts and the calls' way in and out. Virtual = physical, in the
 * first 64 KiB from KEEL_BASE on, so that the interrupt table can be constant. */
#include "host/metal/keel/keel.h"

    .set PAGE, 4096

/* ---- what boot loaders look for ------------------------------------------------------ */

/* PVH: XEN_ELFNOTE_PHYS32_ENTRY (Xen, docs/misc/pvh.pandoc). */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long keel_pvh

/* Multiboot2 Specification 2.0, §3.1: no wishes. */
    .section .keel.text, "ax", @progbits
    .globl keel_start
keel_start:
multiboot:
    .long 0xe85250d6, 0, multiboot_end - multiboot, -(0xe85250d6 + (multiboot_end - multiboot))
    .word 0, 0
    .long 8
multiboot_end:

/* ---- 32 bits ------------------------------------------------------------------------- */

/* Both enter in protected mode, flat segments, no paging, interrupts closed, and both
 * pass the address of what they have to say in %ebx. */
    .code32
    .globl keel_multiboot2
keel_multiboot2:
    movl $KEEL_BOOT_MULTIBOOT2, %edi
    jmp to_64_bits
keel_pvh:
    movl $KEEL_BOOT_PVH, %edi

/* Page tables for the keel itself: code for reading, the rest without execution, and the
 * APIC's registers. Ring 3 may use the upper tables; no entry here is open to it. */
to_64_bits:
    cld
    movl %ebx, %esi
    movl $(pdpt + 7), keel_pml4
    movl $(pd0 + 7), pdpt
    movl $(pd3 + 7), pdpt + 3 * 8
    movl $(keel_pt0 + 7), pd0
    movl $(KEEL_LAPIC + 0x9b), pd3 + (KEEL_LAPIC >> 21 & 511) * 8 /* large, not cached */
    movl $(KEEL_BASE + 1), %eax
1:  movl %eax, %ecx
    shrl $12, %ecx
    movl %eax, keel_pt0(, %ecx, 8)
    addl $PAGE, %eax
    cmpl $keel_text_end, %eax
    jb 1b
    orl $2, %eax
2:  movl %eax, %ecx
    shrl $12, %ecx
    movl %eax, keel_pt0(, %ecx, 8)
    movl $0x80000000, keel_pt0 + 4(, %ecx, 8)
    addl $PAGE, %eax
    cmpl $keel_end, %eax
    jb 2b

/* PAE, and SSE's two; LME and NXE of EFER; then paging, with write protection for ring 0
 * too. SYSCALL stays off. */
    movl $0x620, %eax
    movl %eax, %cr4
    movl $keel_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl $0x900, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $in_64_bits

/* ---- 64 bits ------------------------------------------------------------------------- */

    .code64
in_64_bits:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $stack_end, %esp
    lidt idt_pointer

/* The task state segment: the stack for whatever comes from ring 3, and the I/O ports, all
 * of them closed. */
    movl $stack_end, tss + 36
    movw $(keel_ports - tss), tss + 102
    movl $tss, %eax
    movw %ax, gdt_tss + 2
    shrl $16, %eax
    movb %al, gdt_tss + 4
    movl $0x28, %eax
    ltr %ax
    pushq %rdi
    movl $keel_ports, %edi
    movl $(KEEL_PORTS_END / 8 / 8 + 1), %ecx
    movq $-1, %rax
    rep stosq
    popq %rdi
    call keel_main

/* void keel_enter(entry, stack, a, b, c): ring 3 for the first time, with zeroed registers. */
    .globl keel_enter
keel_enter:
    movq %rdi, %rax
    movq %rsi, %r9
    movq %rdx, %rdi
    movq %rcx, %rsi
    movq %r8, %rdx
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %r8d, %r8d
/* To %rax on stack %r9, with no flag set. */
to_ring_3:
    xorl %ebp, %ebp
    pushq $0x1b
    pushq %r9
    pushq $2
    pushq $0x23
    pushq %rax
    iretq

/* An invalid opcode: a call from ring 3, if it is the one in keel_call. */
exception_6:
    cmpq $keel_call_at, (%rsp)
    jne 3f
    cmpq $KEEL_CALLS, %rax
    jae 3f
    cld
    addq $2, (%rsp)
    movq %r10, %rcx
    call *calls(, %rax, 8)
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    iretq
3:  pushq $0
    pushq $6

/* On the stack: vector, error, rip, cs, flags, rsp. The first fault of ring 3 goes to its
 * handler; any other ends the machine. */
fault:
    popq keel_public + KEEL_FAULT
    popq keel_public + KEEL_FAULT + 8
    movq (%rsp), %rax
    movq %rax, keel_public + KEEL_FAULT + 16
    movq 24(%rsp), %rax
    movq %rax, keel_public + KEEL_FAULT + 24
    movq %rbp, keel_public + KEEL_FAULT + 32
    movq %cr2, %rax
    movq %rax, keel_public + KEEL_FAULT + 40
    testb $3, 8(%rsp)
    jz keel_reset
    xorl %eax, %eax
    xchgq %rax, keel_handler
    movq keel_handler_stack, %r9
    testq %rax, %rax
    jnz to_ring_3

/* A triple fault is the reset that every machine has. */
    .globl keel_reset
keel_reset:
    lidt no_idt_pointer
    ud2

/* An interrupt can come only here. It is acknowledged, and keel_sleep returns, with
 * interrupts closed again. */
    .globl keel_sleep
keel_sleep:
    sti
    hlt
    cli
    ret
interrupt:
    movl $(KEEL_LAPIC + 0xb0), %eax
    movl $0, (%rax)
    movq 24(%rsp), %rsp
    ret

/* ---- constant tables ------------------------------------------------------------------ */

/* Exceptions 0 to 31: those that push no error code get a zero, so that all look alike. */
    .altmacro
    .macro exception vector
    .if \vector != 6
exception_\vector:
    .if (\vector < 8) || (\vector == 9) || (\vector == 15) || (\vector == 16) || ((\vector > 17) && \
        (\vector != 21) && (\vector != 29) && (\vector != 30))
    pushq $0
    .endif
    pushq $\vector
    jmp fault
    .endif
    .endm
    .set i, 0
    .rept 32
    exception %i
    .set i, i + 1
    .endr

/* Gates (Intel SDM vol. 3, §6.14.1), not for ring 3, which close interrupts; exceptions on
 * the stack of the task state segment. */
    .macro gate handler, stack
    .word \handler - keel_start + (KEEL_BASE & 0xffff), 0x08, 0x8e00 + \stack, KEEL_BASE >> 16
    .quad 0
    .endm
    .macro gate_of vector
    gate exception_\vector, 1
    .endm
    .balign 16
idt:
    .set i, 0
    .rept 32
    gate_of %i
    .set i, i + 1
    .endr
    .rept 32
    gate interrupt, 0
    .endr
idt_end:

calls:
    .quad keel_map, keel_give, keel_open_ports, keel_seal, keel_timer, keel_wait, keel_guard, keel_readable
    .quad keel_reset

idt_pointer:
    .word idt_end - idt - 1
    .quad idt
no_idt_pointer:
    .word 0
    .quad 0
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

/* The processor marks the task state segment as busy. */
    .section .keel.data, "aw", @progbits
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 0x08: ring 0, code */
    .quad 0x00cf93000000ffff /* 0x10: ring 0, data */
    .quad 0x00cff3000000ffff /* 0x18: ring 3, data */
    .quad 0x00affb000000ffff /* 0x20: ring 3, code */
gdt_tss:
    .word tss_end - tss - 1, 0
    .byte 0, 0x89, 0, 0
    .quad 0
gdt_end:

    .section .keel.bss, "aw", @nobits
    .balign 8
tss:
    .skip 104
    .globl keel_ports
keel_ports:
    .skip KEEL_PORTS_END / 8 + 8 /* one byte more than there are, of ones */
tss_end:
    .balign 16
    .skip 3072
stack_end:
    .balign PAGE
    .globl keel_pml4, keel_pt0
keel_pml4:
    .skip PAGE
keel_pt0:
    .skip PAGE
pdpt:
    .skip PAGE
pd0:
    .skip PAGE
pd3:
    .skip PAGE

    .section .note.GNU-stack, "", @progbits
