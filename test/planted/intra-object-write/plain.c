#include "test/planted/plain.h"

struct session {
    char name[16];
    char is_admin[8];
};

elsewhere static void login(struct session *s, const char *request, size_t n)
{
    memcpy(s->name, request, n);
}

int main(int argc, char **argv)
{
    (void)argc;
    char request[64];
    struct session session = {0};
    memset(request, 1, sizeof request);
    login(&session, request, chosen(argv));
    printf("is an administrator: %d\n", session.is_admin[0]);
    return 0;
}
