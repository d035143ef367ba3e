#include "test/planted/plain.h"

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t n = (uint32_t)chosen(argv), bytes = n * 16 + 8;
    char *table = malloc(bytes);
    for (uint32_t i = 0; i < 4; i++)
        memset(table + i * 16, 'x', 16);
    printf("%u records in %u bytes\n", n, bytes);
    return 0;
}
