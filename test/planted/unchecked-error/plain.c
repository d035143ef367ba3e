#include "test/planted/plain.h"

elsewhere static int number_of(const char *text, unsigned long *out)
{
    return sscanf(text, "%lu", out) == 1 ? 0 : -1;
}

elsewhere static unsigned long use(void)
{
    unsigned long x;
    number_of("not a number", &x);
    return x;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    litter(0x5ec2e7);
    printf("the number is %lx\n", use());
    return 0;
}
