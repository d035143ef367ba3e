#include "test/planted/plain.h"

static const unsigned rights[4] = {0, 1, 2, 3};

elsewhere static void grant(const unsigned *right)
{
    *(unsigned *)right = 3;
}

int main(int argc, char **argv)
{
    (void)argc;
    grant(&rights[chosen(argv)]);
    printf("rights: %u\n", rights[0]);
    return 0;
}
