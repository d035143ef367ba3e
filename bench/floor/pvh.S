/* The least that a virtual machine can do: what boots by PVH, says a line on the serial
 * port and ends the machine. */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long entry

    .code32
    .text
    .globl entry
entry:
    movl $said, %esi
    movw $0x3f8, %dx
    movl $(said_end - said), %ecx
    rep outsb
    lidt no_interrupts
    ud2

said:
    .ascii "hello, world\n"
said_end:
no_interrupts:
    .word 0
    .long 0

    .section .note.GNU-stack, "", @progbits
