#include "test/planted/plain.h"

elsewhere static void answer(const char *request, size_t says)
{
    char out[256];
    memcpy(out, request + 3, says);
    for (size_t i = 0; i < says; i++)
        putchar(out[i] ? out[i] : '.');
    putchar('\n');
}

elsewhere static char *copy_of(const char *text, size_t n)
{
    return memcpy(malloc(24), text, n);
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *request = copy_of("\1\0\7payload", 10), *key = copy_of("SECRET KEY", 11);
    answer(request, chosen(argv));
    return key[0] != 'S';
}
