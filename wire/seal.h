/* The seal of an image: a checksum over the file, in 48 bytes at its very end, so
 * that a damaged or cut-off image is refused before it runs. Written by the build
 * and by `pith bundle`; strip, objcopy and editors break it. It guards against
 * accidents; whoever can write the file can also write a seal.
 *
 *    0  "PithSeal"             24  u64 skip_n: as many bytes are not covered,
 *    8  u32 version, 1         32  u64 skip_at: from here on
 *   12  u32 0                  40  u64 sum: checksum64 of the file up to here,
 *   16  u64 size of the file       without what is skipped
 *
 * Skipped are the bodies of a very large bundle, which has checksums of its own
 * (wire/bundle.h): reading gigabytes is no way to start. */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "base/view.h"

enum { SEAL_SIZE = 48, SEAL_VERSION = 1 };

/* Bodies above this are left to the bundle's own checksums: 16 MiB are read in 3 ms. */
#define SEAL_COVERS_BODIES ((u64)16 << 20)

/* Checks a whole image file. OK; ERR_NOT_FOUND: there is no seal at its end (cut
 * off, or made by another tool); ERR_UNSUPPORTED: of another version;
 * ERR_MALFORMED: damaged. */
/*@ requires readable(file); assigns \nothing; */
enum err seal_check(struct view file);

/* Writes the seal of `file`, which lies before it, into `out` (SEAL_SIZE bytes). */
void seal_make(struct view file, u64 skip_at, u64 skip_n, struct span out);

/* The file without its seal, if it has one. */
/*@ requires readable(file); assigns \nothing;
    ensures readable(\result) && \result.p == file.p &&
    (\result.n == file.n || \result.n + SEAL_SIZE == file.n); */
struct view seal_strip(struct view file);

#endif
