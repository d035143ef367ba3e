#include "store/bundle.h"

#include "base/num.h"

enum err bundle_open(struct bundle *b, struct view bytes)
{
    b->bytes = bytes;
    TRY(bundle_get_header(bytes, &b->header));
    return bundle_validate(bytes, &b->header);
}

void bundle_at(const struct bundle *b, u32 index, struct bundle_file *out)
{
    must(bundle_get_file(b->bytes, &b->header, index, out) == OK);
}

enum err bundle_find(const struct bundle *b, struct view path, struct bundle_file *out)
{
    const struct bundle_header *h = &b->header;
    u32 hash = bundle_hash(path);
    for (u32 i = 0; i < h->buckets; i++) {
        struct bundle_slot s = bundle_get_slot(b->bytes, h, wrap_add32(hash, i) & (h->buckets - 1));
        if (s.number == 0)
            break;
        if (s.hash != hash)
            continue;
        bundle_at(b, s.number - 1, out);
        if (view_eq(out->path, path))
            return OK;
    }
    return ERR_NOT_FOUND;
}
