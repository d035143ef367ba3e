#include "test/planted/plain.h"

struct user {
    unsigned long id, is_admin, more[2];
};

elsewhere static void promote(struct user *u)
{
    u->more[0] = 1;
}

elsewhere static void drop(struct user *u)
{
    free(u);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct user *alice = calloc(1, sizeof *alice);
    drop(alice);
    volatile struct user *bob = malloc(sizeof *bob);
    bob->more[0] = 0;
    promote(alice);
    printf("bob's rights: %lu\n", bob->more[0]);
    return 0;
}
