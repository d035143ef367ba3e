#include "test/planted/plain.h"

elsewhere static size_t limited(int n)
{
    int limit = 64;
    return n < limit ? n : limit;
}

int main(int argc, char **argv)
{
    (void)argc;
    char line[64] = {0};
    size_t n = limited(16 - (int)chosen(argv));
    printf("copies %zu bytes into %zu\n", n, sizeof line);
    return 0;
}
