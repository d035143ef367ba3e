/* The image that is linked into this program. */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fuzz/internal.h"

/* The image's data, by the sections that the build puts it into; the linker names the
 * ends. An image of which nothing is in one has none. */
extern u8 __start_image_data[] __attribute__((weak)), __stop_image_data[] __attribute__((weak));
extern u8 __start_image_bss[] __attribute__((weak)), __stop_image_bss[] __attribute__((weak));
extern const u8 __executable_start[], end[];

void guest_start(const struct host_boot *b);

/* This program's own notes are the image's: the first object that has notes is it. */
static int find_notes(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct elf *e = arg;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum && e->notes_n < ELF_NOTES_MAX; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_NOTE)
            continue;
        struct view bytes = {(const u8 *)info->dlpi_addr + p->p_vaddr, p->p_memsz};
        e->notes[e->notes_n++] = (struct elf_note_area){bytes, p->p_align == 8 ? 8 : 4};
    }
    return 1;
}

void fuzz_linked(struct fuzz_image *out)
{
    static struct elf e;
    const char *wrong;
    *out = (struct fuzz_image){.entry = guest_start};
    dl_iterate_phdr(find_notes, &e);
    if (manifest_decode(&e, &out->manifest, &wrong) != OK) {
        fprintf(stderr, "fuzz: the image in this program: %s\n", wrong);
        exit(1);
    }
    size_t data_n = (size_t)(__stop_image_data - __start_image_data);
    u8 *initial = malloc(data_n + 1);
    must(initial);
    memcpy(initial, __start_image_data, data_n);
    out->data[0] = (struct fuzz_area){__start_image_data, data_n, initial};
    out->data[1] =
        (struct fuzz_area){__start_image_bss, (size_t)(__stop_image_bss - __start_image_bss), NULL};
    out->code = (struct view){__executable_start, (size_t)(end - __executable_start)};
}
