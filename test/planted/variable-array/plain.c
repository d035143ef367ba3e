#include "test/planted/plain.h"

elsewhere static char use(size_t n)
{
    volatile char room[n];
    room[0] = 'x';
    return room[0];
}

int main(int argc, char **argv)
{
    (void)argc;
    printf("there is room for %c\n", use(chosen(argv)));
    return 0;
}
