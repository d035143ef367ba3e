/* A pack: an image with everything that `pith run` would give it, in one piece of
 * memory, for machines where nobody is there to give it (host/metal). Little-endian:
 *
 *    0  "PithPack"              40  u64 bundle_at, 0: in the image or none
 *    8  u32 version, 2          48  u64 bundle_n
 *   12  u32 head_n              56  u64 memory_n
 *   16  u64 pack_n              64  u32 devices_n
 *   24  u64 image_at            68  u32 keys_n
 *   32  u64 image_n             72  u32 name_n
 *   76  devices: u32 kind, u32 window_n, u32 queue_bytes each
 *       keys: u32 name_n, u32 value_n each
 *       texts: the appliance's name; of each key, name and value
 *
 * head_n counts all of that; image and bundle follow at multiples of 4096. */
#ifndef WIRE_PACK_H
#define WIRE_PACK_H

#include "base/codec.h"

enum {
    PACK_VERSION = 2,
    PACK_ALIGN = 4096,
    PACK_HEAD_MAX = 64 << 10,
    PACK_DEVICES_MAX = 4,
    PACK_KEYS_MAX = 64,
    PACK_NAME_MAX = 31,
};

struct pack_device {
    u32 kind, window_n, queue_bytes; /* as in struct host_device */
};

struct pack_key {
    struct view name, value;
};

struct pack {
    struct view name;
    u64 pack_n, image_at, image_n, bundle_at, bundle_n; /* from the pack's start */
    u64 memory_n; /* the image's memory and the receive windows */
    u32 devices_n, keys_n;
    struct pack_device devices[PACK_DEVICES_MAX];
    struct pack_key keys[PACK_KEYS_MAX];
};

/* Writes the head; head_n is in the writer afterwards. */
void pack_put_head(struct writer *w, const struct pack *p);

/* The bytes of the head, by its first 16; 0 when they are none of a pack's. */
u32 pack_head_size(struct view first);

/* Decodes a head; texts stay where they are. ERR_UNSUPPORTED: another version's;
 * ERR_MALFORMED: something lies outside of the pack. */
enum err pack_get_head(struct view head, struct pack *out);

#endif
