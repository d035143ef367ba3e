#include "test/planted/plain.h"

struct route {
    unsigned long id;
    size_t name_n;
};

static const struct route routes[2] = {{1, 0}, {2, 0}};

elsewhere static const struct route *find(unsigned long id)
{
    for (size_t i = 0; i < 2; i++)
        if (routes[i].id == id)
            return &routes[i];
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    printf("%zu\n", find(chosen(argv))->name_n);
    return 0;
}
