#include "test/planted/plain.h"

struct user {
    unsigned long id;
};

static struct user *users[2];

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    unsigned login = 0;
    users[login] = calloc(1, sizeof(struct user));
    free(users[login]);
    users[0] = calloc(1, sizeof(struct user));
    users[0]->id = 1002;
    printf("logged in as %lu\n", users[login]->id);
    return 0;
}
