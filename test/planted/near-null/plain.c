#include "test/planted/plain.h"

elsewhere static uint32_t *table(size_t cells)
{
    return malloc(cells << 44);
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t n = chosen(argv);
    printf("%u\n", table(n)[n]);
    return 0;
}
