#include "wire/eth.h"

u64 eth_mac(struct view six)
{
    return (u64)load_be32(six, 0) << 16 | load_be16(six, 4);
}

void eth_put_mac(struct writer *w, u64 mac)
{
    put_be16(w, (u16)(mac >> 32));
    put_be32(w, (u32)(mac & 0xffffffff));
}

enum err eth_decode(struct view frame, struct eth *out)
{
    if (frame.n < ETH_HEADER)
        return ERR_MALFORMED;
    out->dst = load_be64(frame, 0) >> 16;
    out->src = load_be64(frame, 6) >> 16;
    out->type = load_be16(frame, 12);
    out->payload = view_from(frame, ETH_HEADER);
    return OK;
}

void eth_store(struct span frame, u64 dst, u64 src, u16 type)
{
    store_be64(frame, 0, dst << 16 | src >> 32);
    store_be32(frame, 8, (u32)(src & 0xffffffff));
    store_be16(frame, 12, type);
}

void eth_encode(struct writer *w, const struct eth *e)
{
    struct span room = put_room(w, ETH_HEADER);
    if (!w->full)
        eth_store(room, e->dst, e->src, e->type);
}
