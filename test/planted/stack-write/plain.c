#include "test/planted/plain.h"

elsewhere static void take(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++)
        line[i] = 'x';
}

int main(int argc, char **argv)
{
    (void)argc;
    char line[32];
    take(line, chosen(argv));
    printf("%.32s\n", line);
    return 0;
}
