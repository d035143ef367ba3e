#include "test/planted/plain.h"

struct user {
    char name[24];
    unsigned long is_admin;
};

elsewhere static void rename_to(struct user *u, size_t n)
{
    for (size_t i = 0; i < n; i++)
        u->name[i] = 1;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct user *users = calloc(2, sizeof *users);
    rename_to(&users[0], chosen(argv));
    printf("is the neighbour an administrator? %lx\n", users[1].is_admin);
    return 0;
}
