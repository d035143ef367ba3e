/* Ring 3's way to the keel, and into the image. */
    .section .text.keel_call, "ax", @progbits

/* i64 keel_call(number, a, b, c, d): the only place that the keel answers. */
    .globl keel_call, keel_call_at
    .type keel_call, @function
keel_call:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
keel_call_at:
    ud2
    ret
    .size keel_call, . - keel_call

/* void metal_jump(entry, stack, boot): does not return. */
    .globl metal_jump
    .type metal_jump, @function
metal_jump:
    movq %rdi, %rax
    movq %rsi, %rsp
    movq %rdx, %rdi
    xorl %ebp, %ebp
    call *%rax
    ud2
    .size metal_jump, . - metal_jump

    .section .note.GNU-stack, "", @progbits
