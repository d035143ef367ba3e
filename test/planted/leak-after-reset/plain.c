#include "test/planted/plain.h"

static char memory[4096];
static size_t used;

elsewhere static char *take(size_t n)
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
    const char *password = strcpy(take(32), "SECRET of the last request");
    reset();
    printf("%s\n", password);
    return 0;
}
