#include "test/planted/plain.h"

int main(int argc, char **argv)
{
    (void)argc;
    printf("%zu\n", 1000 / chosen(argv));
    return 0;
}
