#include "test/planted/plain.h"

elsewhere static size_t end_of(const char *line, size_t end)
{
    while (line[end - 1] != '\r')
        end--;
    return end;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct {
        char before[16], line[16];
    } s = {"a line\rbefore", "text"};
    printf("ends at %zd\n", (ssize_t)end_of(s.line, chosen(argv)));
    return 0;
}
