/* seal FILE: seals an image that was just linked (wire/seal.h). The command itself
 * does the same in `pith build`; the catalogue is linked before the command is there. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/seal.h"

int main(int argc, char **argv)
{
    struct stat st;
    u8 seal[SEAL_SIZE];
    int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
        return fprintf(stderr, "seal: name one image to seal\n"), 1;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return perror(argv[1]), 1;
    struct view file = seal_strip((struct view){p, (size_t)st.st_size});
    seal_make(file, 0, 0, SPAN_OF(seal));
    if (pwrite(fd, seal, sizeof seal, (off_t)file.n) != (ssize_t)sizeof seal)
        return perror(argv[1]), 1;
    return 0;
}
