#include "test/planted/plain.h"

elsewhere static void take(char *message, size_t n)
{
    for (size_t i = 0; i < n; i++)
        message[i] = 'x';
}

int main(int argc, char **argv)
{
    (void)argc;
    char *message = malloc(72);
    unsigned long *balance = calloc(1, sizeof *balance);
    take(message, chosen(argv));
    printf("a balance of %lx\n", *balance);
    return 0;
}
