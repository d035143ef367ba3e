#include "test/planted/plain.h"

static const char units[4] = "kMGT";

int main(int argc, char **argv)
{
    (void)argc;
    printf("the unit %d\n", units[chosen(argv)]);
    return 0;
}
