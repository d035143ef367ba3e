#include "test/fuzz/image/image.h"

struct view image_open(struct fuzz_image *out, const char *path)
{
    fuzz_linked(out);
    return fuzz_bundle(path);
}
