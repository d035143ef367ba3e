#include "test/planted/plain.h"

elsewhere static size_t parse(size_t depth)
{
    volatile char name[64] = {(char)depth};
    return depth == 0 ? 0 : parse(depth - 1) + (size_t)name[0];
}

int main(int argc, char **argv)
{
    (void)argc;
    printf("%zu\n", parse(chosen(argv)));
    return 0;
}
