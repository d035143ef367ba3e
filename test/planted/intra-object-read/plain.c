#include "test/planted/plain.h"

struct account {
    char name[8];
    char password[8];
};

elsewhere static void tell(const struct account *a, size_t n)
{
    fwrite(a->name, 1, n, stdout);
    putchar('\n');
}

int main(int argc, char **argv)
{
    (void)argc;
    struct account a = {"mallory", "SECRET"};
    tell(&a, chosen(argv));
    return 0;
}
