/* Changes to ELF images that need no linker: where the bundle is, and leaving out symbols.
 * lld gives every image a PT_PHDR entry that only dynamic linkers look at; its place in
 * the table becomes the PT_PITH_BUNDLE entry, so nothing in the file moves. */
#ifndef WIRE_ELF_BUNDLE_H
#define WIRE_ELF_BUNDLE_H

#include "wire/elf.h"

/* `start` are the first bytes of a file that elf_decode accepted, with its program
 * headers. ERR_NOT_FOUND when no entry is free. */
/*@ requires writable(start) && start.n < 0x4000000000000000; assigns start.p[0 .. start.n - 1]; */
enum err elf_put_bundle(struct span start, u64 offset, u64 n);

/* How long the file is without what only tools look at, the sections: the end of the last
 * byte that is loaded. */
/*@ requires \valid_read(e) && segments_ok(e); assigns \nothing; ensures \result <= e->file.n; */
u64 elf_stripped_size(const struct elf *e);

/* Takes the sections out of the header; `start` as above. */
/*@ requires writable(start); assigns start.p[0 .. start.n - 1]; */
enum err elf_put_stripped(struct span start);

#endif
