#include "test/planted/plain.h"

elsewhere static void set(unsigned long *histogram, size_t buckets)
{
    for (size_t i = 0; i <= buckets; i++)
        histogram[i] = i;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct {
        unsigned long histogram[8], limit;
    } s = {.limit = 1000};
    set(s.histogram, chosen(argv));
    printf("the limit is %lu\n", s.limit);
    return 0;
}
