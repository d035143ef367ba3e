#include "test/planted/plain.h"

elsewhere static unsigned price(const unsigned *prices, size_t n)
{
    return prices[n];
}

int main(int argc, char **argv)
{
    (void)argc;
    unsigned prices[8] = {10, 20, 30, 40, 50, 60, 70, 80};
    printf("a price of %u\n", price(prices, chosen(argv)));
    return 0;
}
