#include "test/planted/plain.h"

int main(int argc, char **argv)
{
    (void)argc;
    size_t n = chosen(argv) << 32;
    unsigned long *table = malloc(n * sizeof *table);
    printf(table ? "there is a table for %zu\n" : "refused %zu\n", n);
    return 0;
}
