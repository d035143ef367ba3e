#include "test/planted/plain.h"

struct user {
    char more[16], password[16];
};

elsewhere static void drop(void *p)
{
    free(p);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct user *alice = malloc(sizeof *alice);
    strcpy(alice->password, "SECRET");
    drop(alice);
    const struct user *bob = malloc(sizeof *bob);
    printf("bob's password: %.16s\n", bob->password);
    return 0;
}
