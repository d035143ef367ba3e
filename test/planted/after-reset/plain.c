#include "test/planted/plain.h"

struct request {
    char *path;
    unsigned long number;
};

static char memory[4096];
static size_t used;

elsewhere static void *take(size_t n)
{
    used += n;
    return memory + used - n;
}

elsewhere static void reset(void)
{
    used = 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct request *r = take(sizeof *r);
    r->path = strcpy(take(16), "/private/SECRET");
    reset();
    printf("%s\n", r->path);
    return 0;
}
