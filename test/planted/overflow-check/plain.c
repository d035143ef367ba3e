#include "test/planted/plain.h"

elsewhere static unsigned sum(const unsigned char *record, uint32_t at, uint32_t n)
{
    unsigned total = 0;
    if (at + n > 64)
        return 0;
    for (uint32_t i = 0; i < n && i < 256; i++)
        total += record[at + i];
    return total;
}

int main(int argc, char **argv)
{
    (void)argc;
    unsigned char record[64] = {0};
    printf("64 zeroes are %u\n", sum(record, 32, (uint32_t)chosen(argv)));
    return 0;
}
