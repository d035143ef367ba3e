#include "test/planted/plain.h"

struct user {
    char name[16];
    unsigned long id;
};

elsewhere static void sign_off(struct user *u)
{
    free(u);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct user *alice = calloc(1, sizeof *alice);
    strcpy(alice->name, "alice");
    alice->id = 1001;
    sign_off(alice);
    volatile struct user *bob = memset(malloc(sizeof *bob), 0, sizeof *bob);
    bob->id = 1002;
    printf("the last user was %lu\n", alice->id);
    return 0;
}
