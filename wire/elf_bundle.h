/* Writes into an ELF image where its bundle is. lld gives every image a PT_PHDR
 * entry that only dynamic linkers look at; its place in the table becomes the
 * PT_PITH_BUNDLE entry, so nothing in the file moves. */
#ifndef WIRE_ELF_BUNDLE_H
#define WIRE_ELF_BUNDLE_H

#include "wire/elf.h"

/* `start` are the first bytes of a file that elf_decode accepted, with its program
 * headers. ERR_NOT_FOUND when no entry is free. */
enum err elf_put_bundle(struct span start, u64 offset, u64 n);

#endif
