#include "wire/pack.h"

#include "base/num.h"
#include "sig/manifest.h"

enum { HEAD_FIRST = 16, HEAD_N_AT = 12, FIXED_N = 76, PAIR_N = 8 };

/* Larger than any machine's memory, and small enough that sums of two do not overflow. */
#define PACK_BYTES_MAX ((u64)1 << 46)

void pack_put_head(struct writer *w, const struct pack *p)
{
    must(p->devices_n <= PACK_DEVICES_MAX && p->keys_n <= PACK_KEYS_MAX);
    size_t start = w->n;
    put_bytes(w, VIEW("PithPack"));
    put_le32(w, PACK_VERSION);
    put_le32(w, 0);
    put_le64(w, p->pack_n);
    put_le64(w, p->image_at);
    put_le64(w, p->image_n);
    put_le64(w, p->bundle_at);
    put_le64(w, p->bundle_n);
    put_le64(w, p->memory_n);
    put_le32(w, p->devices_n);
    put_le32(w, p->keys_n);
    put_le32(w, to_u32(p->name.n));
    for (u32 i = 0; i < p->devices_n; i++) {
        put_le32(w, AT(p->devices, i).kind);
        put_le32(w, AT(p->devices, i).window_n);
        put_le32(w, AT(p->devices, i).queue_bytes);
    }
    for (u32 i = 0; i < p->keys_n; i++) {
        put_le32(w, to_u32(AT(p->keys, i).name.n));
        put_le32(w, to_u32(AT(p->keys, i).value.n));
    }
    put_bytes(w, p->name);
    for (u32 i = 0; i < p->keys_n; i++) {
        put_bytes(w, AT(p->keys, i).name);
        put_bytes(w, AT(p->keys, i).value);
    }
    if (!w->full)
        store_le32(w->out, start + HEAD_N_AT, to_u32(w->n - start));
}

u32 pack_head_size(struct view first)
{
    if (first.n < HEAD_FIRST || !view_starts(first, VIEW("PithPack")))
        return 0;
    u32 n = load_le32(first, HEAD_N_AT);
    return n >= FIXED_N && n <= PACK_HEAD_MAX ? n : 0;
}

/* A part of the pack that may be missing (n 0). */
static bool is_part(const struct pack *p, u64 at, u64 n)
{
    return n == 0 || (at % PACK_ALIGN == 0 && at > 0 && n <= p->pack_n && at <= p->pack_n - n);
}

static bool makes_sense(const struct pack *p)
{
    u64 windows = 0;
    for (u32 i = 0; i < p->devices_n; i++) {
        u32 kind = AT(p->devices, i).kind;
        windows += AT(p->devices, i).window_n;
        if (kind != DEVICE_NET && kind != DEVICE_BLOCK)
            return false;
    }
    return p->pack_n <= PACK_BYTES_MAX && p->memory_n <= PACK_BYTES_MAX && p->image_n > 0 &&
           is_part(p, p->image_at, p->image_n) && is_part(p, p->bundle_at, p->bundle_n) &&
           windows < p->memory_n;
}

enum err pack_get_head(struct view head, struct pack *out)
{
    *out = (struct pack){0};
    if (head.n == 0 || pack_head_size(head) != head.n)
        return ERR_MALFORMED;
    struct reader r = reader_of(view_from(head, 8));
    if (get_le32(&r) != PACK_VERSION)
        return ERR_UNSUPPORTED;
    get_skip(&r, 4);
    out->pack_n = get_le64(&r);
    out->image_at = get_le64(&r);
    out->image_n = get_le64(&r);
    out->bundle_at = get_le64(&r);
    out->bundle_n = get_le64(&r);
    out->memory_n = get_le64(&r);
    out->devices_n = get_le32(&r);
    out->keys_n = get_le32(&r);
    u32 name_n = get_le32(&r);
    if (out->devices_n > PACK_DEVICES_MAX || out->keys_n > PACK_KEYS_MAX || name_n > PACK_NAME_MAX)
        return ERR_MALFORMED;
    for (u32 i = 0; i < out->devices_n; i++) {
        AT(out->devices, i).kind = get_le32(&r);
        AT(out->devices, i).window_n = get_le32(&r);
        AT(out->devices, i).queue_bytes = get_le32(&r);
    }
    struct reader sizes = reader_of(get_bytes(&r, (size_t)out->keys_n * PAIR_N));
    out->name = get_bytes(&r, name_n);
    for (u32 i = 0; i < out->keys_n; i++) {
        AT(out->keys, i).name = get_bytes(&r, get_le32(&sizes));
        AT(out->keys, i).value = get_bytes(&r, get_le32(&sizes));
    }
    return !r.bad && r.rest.n == 0 && makes_sense(out) ? OK : ERR_MALFORMED;
}
