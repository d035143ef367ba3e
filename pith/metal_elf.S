/* Keel and drivers, as bytes (host/metal; metal_file.c). */
    .section .rodata.zmetal, "a", @progbits /* behind what every start touches */
    .globl metal_elf, metal_elf_end
    .balign 64
metal_elf:
    .incbin "metal/metal.elf"
metal_elf_end:

    .section .note.GNU-stack, "", @progbits
