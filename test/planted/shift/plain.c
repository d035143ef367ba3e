#include "test/planted/plain.h"

elsewhere static uint32_t bit(uint32_t kind)
{
    return 1u << kind;
}

int main(int argc, char **argv)
{
    (void)argc;
    printf("kind 33 has the bit %x\n", bit((uint32_t)chosen(argv)));
    return 0;
}
