#include "test/planted/plain.h"

static unsigned counters[16];

elsewhere static void count(size_t kind)
{
    counters[kind]++;
}

int main(int argc, char **argv)
{
    (void)argc;
    count(chosen(argv));
    printf("%u counted\n", counters[0]);
    return 0;
}
