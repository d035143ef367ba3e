/* What main.c attacks with: accesses of any address, calls into the host's table with
 * any arguments, and the instructions that no other image contains. Each instruction
 * is a function of its own, attack_NAME, so that a report names it. */

    .macro attack name
    .section .text.attack_\name, "ax", @progbits
    .globl attack_\name
    .type attack_\name, @function
attack_\name:
    .cfi_startproc
    .endm
    .macro end name
    ret
    .cfi_endproc
    .size attack_\name, . - attack_\name
    .endm
    .macro one name, instruction:vararg
    attack \name
    \instruction
    end \name
    .endm

/* u64 attack_load(u64 address); void attack_store(u64 address, u64 value);
 * void attack_jump(u64 address) */
    one load, movq (%rdi), %rax
    one store, movq %rsi, (%rdi)
    one jump, call *%rdi

/* i64 attack_host(u64 slot, u64 a, u64 b, u64 c): a function of the host's table. */
    attack host
    movq guest_table(%rip), %rax
    movq (%rax,%rdi,8), %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call *%rax
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    end host

/* Of the host's table: where it lies. */
    one table, movq guest_table(%rip), %rax

    attack syscall
    movl $39, %eax
    syscall
    end syscall
    attack int80
    movl $20, %eax
    int $0x80
    end int80
    attack sysenter
    movl $20, %eax
    sysenter
    end sysenter
    one hlt, hlt
    one cli, cli
    one sti, sti
    attack in
    movl $0x60, %edx
    inb %dx, %al
    end in
    attack out
    movl $0x64, %edx
    movl $0xfe, %eax
    outb %al, %dx
    end out
    attack rdmsr
    movl $0xc0000082, %ecx
    rdmsr
    end rdmsr
    attack wrmsr
    movl $0xc0000082, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    end wrmsr
    one read_cr3, movq %cr3, %rax
    attack write_cr3
    xorl %eax, %eax
    movq %rax, %cr3
    end write_cr3
    attack write_cr0
    xorl %eax, %eax
    movq %rax, %cr0
    end write_cr0
    attack write_dr7
    xorl %eax, %eax
    movq %rax, %dr7
    end write_dr7
    attack lgdt
    pushq $0
    pushq $0
    lgdt (%rsp)
    addq $16, %rsp
    end lgdt
    attack lidt
    pushq $0
    pushq $0
    lidt (%rsp)
    addq $16, %rsp
    end lidt
    attack ltr
    movl $0x28, %eax
    ltr %ax
    end ltr
    one invlpg, invlpg (%rsp)
    one wbinvd, wbinvd
    one swapgs, swapgs
    one sysret, sysretq
    one clts, clts
    attack xsetbv
    xorl %ecx, %ecx
    xorl %edx, %edx
    movl $7, %eax
    xsetbv
    end xsetbv
    /* To ring 0's usual code segment, to the instruction behind it. */
    attack iret
    movq %rsp, %rcx
    pushq $0x18
    pushq %rcx
    pushfq
    pushq $0x10
    leaq 1f(%rip), %rax
    pushq %rax
    iretq
1:
    end iret
    attack far_call
    pushq $0x10
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:
    end far_call

    .section .note.GNU-stack, "", @progbits
