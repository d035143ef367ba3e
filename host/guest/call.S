/* Calls into the host's table: host_NAME(…) is its slot. In assembly, because the
 * host's functions cannot be in the image's tables of allowed indirect targets
 * (control flow integrity), so that the same call from C would trap. */
    .macro slot name, index
    .section .text.\name, "ax", @progbits
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    movq guest_table(%rip), %rax
    jmpq *8*\index(%rax)
    .cfi_endproc
    .size \name, . - \name
    .endm

    slot host_clock_mono, 0
    slot host_clock_wall, 1
    slot host_net_rx, 2
    slot host_net_tx, 3
    slot host_console, 4
    slot host_entropy, 5
    slot host_wait, 6
    slot host_guard, 7
    slot host_exit, 8
    slot host_block_submit, 9
    slot host_block_reap, 10

    .section .note.GNU-stack, "", @progbits
