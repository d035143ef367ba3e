#include "test/planted/plain.h"

struct text {
    const char *p;
    size_t n;
};

static unsigned long length(const struct text *text)
{
    return (unsigned long)(uintptr_t)text;
}

int main(int argc, char **argv)
{
    (void)argc;
    union {
        unsigned long (*of_number)(unsigned long x);
        unsigned long (*of_text)(const struct text *text);
    } volatile h = {.of_text = length};
    printf("a length of %lu\n", h.of_number(chosen(argv)));
    return 0;
}
