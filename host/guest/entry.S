/* The first instructions of every image. In: %rdi, struct host_boot (host/host.h).
 * A zero frame pointer ends the backtraces of crash reports. */
    .section .text.guest_entry, "ax", @progbits
    .globl guest_entry
    .type guest_entry, @function
guest_entry:
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    andq $-16, %rsp
    call guest_start
    ud2
    .cfi_endproc
    .size guest_entry, . - guest_entry

    .section .note.GNU-stack, "", @progbits
