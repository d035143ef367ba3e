/* The chunked coding: in one piece or in pieces of any size, the data, the end and
 * the judgement are the same. The first byte is the size of a piece. */
#include "test/fuzz/fuzz.h"
#include "wire/http_chunked.h"

struct decoded {
    u8 bytes[8192];
    size_t n, taken;
    enum err result;
    bool done;
};

static void decode(struct decoded *d, struct view in, size_t piece)
{
    struct http_chunked c = {0};
    d->n = d->taken = 0;
    d->result = OK;
    while (d->result == OK && in.n > 0 && c.state != CHUNK_DONE) {
        struct view now = view_first(in, piece < in.n ? piece : in.n), data = VIEW_NONE;
        size_t taken = 0;
        d->result = http_chunked_next(&c, now, &taken, &data);
        if (d->result != OK)
            break;
        must(taken > 0 && taken <= now.n && view_inside(data, view_first(now, taken)));
        copy(span_from(SPAN_OF(d->bytes), d->n), data);
        d->n += data.n;
        d->taken += taken;
        in = view_from(in, taken);
    }
    d->done = d->result == OK && c.state == CHUNK_DONE;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
    static struct decoded whole, pieces;
    if (n < 2 || n > sizeof whole.bytes)
        return 0;
    struct view in = view_from((struct view){data, n}, 1);
    decode(&whole, in, in.n);
    decode(&pieces, in, 1 + data[0] % 16);
    must(whole.result == pieces.result && whole.done == pieces.done);
    if (whole.result != OK)
        return 0;
    must(whole.taken == pieces.taken);
    must(view_eq(view_first(VIEW_OF(whole.bytes), whole.n), view_first(VIEW_OF(pieces.bytes), pieces.n)));
    return 0;
}
