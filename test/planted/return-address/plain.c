#include "test/planted/plain.h"

elsewhere static void take(char *p, size_t n)
{
    for (; n > 0; n--, p++)
        *p = 'x';
}

elsewhere static int parse(size_t n)
{
    char line[32];
    take(line, n);
    return line[n % 32];
}

int main(int argc, char **argv)
{
    (void)argc;
    printf("parsed: %d\n", parse(chosen(argv)));
    return 0;
}
