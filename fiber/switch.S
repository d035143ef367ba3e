/* The context switch, System V AMD64 ABI: only what a call must preserve moves.
 * MXCSR and the x87 control word are preserved by never being changed: no code in
 * an image sets them. Always called from one place in fiber.c, so that the
 * processor's return predictor, too, finds the address it expects. */

    .text

/* void fiber_switch(void **save, void *to) */
    .globl fiber_switch
    .hidden fiber_switch
    .type fiber_switch, @function
    .p2align 4
fiber_switch:
    .cfi_startproc
    push %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    push %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    push %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    push %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    push %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    push %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    mov %rsp, (%rdi)
    /* The other stack has the same shape, so the unwind rules stay true. */
    mov %rsi, %rsp
    pop %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    pop %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    pop %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    pop %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    pop %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    pop %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    ret
    .cfi_endproc
    .size fiber_switch, . - fiber_switch

/* Where a fiber begins: the bottom of its stack. Both ways of walking a stack end
 * here: no return address (CFI), and a frame pointer of 0. */
    .globl fiber_start
    .hidden fiber_start
    .type fiber_start, @function
    .p2align 4
fiber_start:
    .cfi_startproc
    .cfi_undefined rip
    xor %ebp, %ebp
    call fiber_begin
    ud2
    .cfi_endproc
    .size fiber_start, . - fiber_start

/* NOTE_FIBER of sig/manifest.h: where fiber_current is, for a crash report. */
    .section .note.pith, "aR", @note
    .p2align 3
    .long 5, 8, 4
    .asciz "Pith"
    .zero 7
    .quad fiber_current - .

    .section .note.GNU-stack, "", @progbits
