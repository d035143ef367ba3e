#include <sys/mman.h>

#include "test/planted/plain.h"

/* A file is mapped the way most programs have it in memory: to read and to write. */
int main(int argc, char **argv)
{
    (void)argc;
    FILE *f = fopen(argv[0], "rb");
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(f), 0);
    p[chosen(argv)] = 'x';
    printf("changed: %c\n", p[chosen(argv)]);
    return 0;
}
