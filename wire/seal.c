#include "wire/seal.h"

#include "base/codec.h"
#include "base/hash.h"

enum { BEFORE_SUM = SEAL_SIZE - 8 };

/*@ requires readable(file); assigns \nothing; ensures \result ==> file.n >= SEAL_SIZE; */
static bool has_seal(struct view file)
{
    return file.n >= SEAL_SIZE && view_starts(view_from(file, file.n - SEAL_SIZE), VIEW("PithSeal"));
}

/* Over the file's two parts, then over the seal's own fields, so they are covered too. */
/*@ requires readable(file) && readable(fields) && skip_at + skip_n <= file.n; assigns \nothing; */
static u64 sum_of(struct view file, struct view fields, u64 skip_at, u64 skip_n)
{
    u64 sum = checksum64(0, view_first(file, skip_at));
    sum = checksum64(sum, view_from(file, skip_at + skip_n));
    return checksum64(sum, fields);
}

enum err seal_check(struct view file)
{
    if (!has_seal(file))
        return ERR_NOT_FOUND;
    struct reader r = reader_of(view_from(file, file.n - SEAL_SIZE));
    get_skip(&r, 8);
    u32 version = get_le32(&r);
    get_skip(&r, 4);
    u64 size = get_le64(&r), skip_n = get_le64(&r), skip_at = get_le64(&r), sum = get_le64(&r);
    if (r.bad || size != file.n)
        return ERR_MALFORMED;
    if (version != SEAL_VERSION)
        return ERR_UNSUPPORTED;
    struct view body = view_first(file, file.n - SEAL_SIZE);
    if (skip_at > body.n || skip_n > body.n - skip_at)
        return ERR_MALFORMED;
    struct view fields = view_sub(file, body.n, BEFORE_SUM);
    return sum_of(body, fields, skip_at, skip_n) == sum ? OK : ERR_MALFORMED;
}

void seal_make(struct view file, u64 skip_at, u64 skip_n, struct span out)
{
    struct writer w = writer_of(out);
    put_bytes(&w, VIEW("PithSeal"));
    put_le32(&w, SEAL_VERSION);
    put_le32(&w, 0);
    put_le64(&w, file.n + SEAL_SIZE);
    put_le64(&w, skip_n);
    put_le64(&w, skip_at);
    u64 sum = sum_of(file, written(&w), skip_at, skip_n);
    put_le64(&w, sum);
    must(!w.full);
}

struct view seal_strip(struct view file)
{
    return has_seal(file) ? view_first(file, file.n - SEAL_SIZE) : file;
}
