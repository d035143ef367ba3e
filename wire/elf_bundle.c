#include "wire/elf_bundle.h"

#include "base/codec.h"
#include "base/num.h"

enum {
    PT_NULL = 0,
    PT_PHDR = 6,
    PHDR_SIZE = 56,
    E_PHOFF = 32,
    E_PHNUM = 56,
    EHDR_SIZE = 64,
    E_SHOFF = 40,
    E_SHNUM = 60
};

enum err elf_put_bundle(struct span start, u64 offset, u64 n)
{
    if (start.n < EHDR_SIZE)
        return ERR_MALFORMED;
    u64 at = load_le64(view_of(start), E_PHOFF);
    u32 count = load_le16(view_of(start), E_PHNUM);
    if (at > start.n || (u64)count * PHDR_SIZE > start.n - at)
        return ERR_MALFORMED;
    /*@ loop invariant at + count * PHDR_SIZE <= start.n; loop assigns at, count, start.p[0 .. start.n - 1];
        loop variant count; */
    for (; count > 0; count--, at += PHDR_SIZE) {
        struct span entry = span_sub(start, at, PHDR_SIZE);
        u32 type = load_le32(view_of(entry), 0);
        if (type != PT_NULL && type != PT_PHDR && type != PT_PITH_BUNDLE)
            continue;
        struct writer w = writer_of(entry);
        put_le32(&w, PT_PITH_BUNDLE);
        put_le32(&w, ELF_R);
        put_le64(&w, offset);
        put_le64(&w, 0); /* no address: the loader chooses one */
        put_le64(&w, 0);
        put_le64(&w, n);
        put_le64(&w, n);
        put_le64(&w, ELF_PAGE);
        must(!w.full);
        return OK;
    }
    return ERR_NOT_FOUND;
}

u64 elf_stripped_size(const struct elf *e)
{
    u64 end = 0;
    /*@ loop invariant i <= e->segments_n && end <= e->file.n; loop assigns i, end;
        loop variant e->segments_n - i; */
    for (u32 i = 0; i < e->segments_n; i++)
        end = MAX(end, AT(e->segments, i).offset + AT(e->segments, i).file_n);
    return end;
}

enum err elf_put_stripped(struct span start)
{
    if (start.n < EHDR_SIZE)
        return ERR_MALFORMED;
    store_le64(start, E_SHOFF, 0);
    store_le32(start, E_SHNUM, 0); /* and the number of the section that holds names */
    return OK;
}
