#include "test/planted/plain.h"

union flag {
    unsigned char byte;
    bool on;
};

elsewhere static unsigned limit(const union flag *f)
{
    static const unsigned limits[8] = {10, 20, 0, 0, 0, 0x5ec2e7};
    return limits[f->on];
}

int main(int argc, char **argv)
{
    (void)argc;
    union flag f = {.byte = (unsigned char)chosen(argv)};
    printf("a limit of %u\n", limit(&f));
    return 0;
}
