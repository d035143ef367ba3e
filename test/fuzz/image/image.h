/* The two programs that play sessions of whole images (host/fuzz): on the image that is
 * linked in, where coverage guides the fuzzer, and on the file that is released. */
#ifndef TEST_FUZZ_IMAGE_IMAGE_H
#define TEST_FUZZ_IMAGE_IMAGE_H

#include "host/fuzz/fuzz.h"

/* The image, and the bundle it works on. `path` is the program's own name with .pith
 * behind it: there the build has put the released file, with its bundle in it. */
struct view image_open(struct fuzz_image *out, const char *path);

#endif
