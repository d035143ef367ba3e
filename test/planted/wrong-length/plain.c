#include "test/planted/plain.h"

struct slice {
    const char *p;
    size_t n;
};

elsewhere static void tell(struct slice s)
{
    fwrite(s.p, 1, s.n, stdout);
    putchar('\n');
}

int main(int argc, char **argv)
{
    (void)argc;
    struct {
        char reply[16], secret[16];
    } s = {"public", "SECRET"};
    tell((struct slice){s.reply, chosen(argv)});
    return 0;
}
