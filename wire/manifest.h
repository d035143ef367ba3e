/* Reads the manifest of an image (sig/manifest.h) from its ELF notes, checks it
 * whole, and checks values that users give for its keys. Pure; what it decodes is
 * copied, so it does not need the file afterwards. */
#ifndef WIRE_MANIFEST_H
#define WIRE_MANIFEST_H

#include "base/codec.h"
#include "sig/manifest.h"
#include "wire/elf.h"

enum { MANIFEST_DEVICES_MAX = 4, MANIFEST_KEYS_MAX = 64 };

/* Every text is zero-terminated within its field. */
struct manifest_whole {
    struct manifest about;
    u32 devices_n, keys_n;
    struct manifest_device devices[MANIFEST_DEVICES_MAX]; /* by name, so by number */
    struct manifest_key keys[MANIFEST_KEYS_MAX];          /* by name */
};

/* ERR_NOT_FOUND: no manifest. ERR_UNSUPPORTED: of another version, or a device or
 * key of a kind this command does not know. ERR_INVALID: limits that cannot work.
 * ERR_MALFORMED. `wrong` says it in words, to follow "NAME: ". */
enum err manifest_decode(const struct elf *e, struct manifest_whole *out, const char **wrong);

/* Whether `value` is one that the key may have. The value it falls back to always
 * is. ERR_INVALID; `expected` then gets what would be right: "a number from 1 to 65535". */
enum err key_check(const struct manifest_key *key, struct view value, struct writer *expected);

/* "number", "duration" … as `pith run NAME --help` shows it. Never NULL. */
const char *key_type_name(u32 type);

#endif
