#include "test/planted/plain.h"

elsewhere static void drop(void *p)
{
    free(p);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    void *full[7], *x = malloc(24), *y = malloc(24);
    for (size_t i = 0; i < 7; i++)
        full[i] = malloc(24);
    for (size_t i = 0; i < 7; i++)
        drop(full[i]);
    drop(x);
    drop(y);
    drop(x);
    for (size_t i = 0; i < 7; i++)
        full[i] = malloc(24);
    const void *one = malloc(24), *two = malloc(24), *three = malloc(24);
    printf("one object for two owners: %s\n", one == three && two != three ? "yes" : "no");
    return full[0] == NULL;
}
