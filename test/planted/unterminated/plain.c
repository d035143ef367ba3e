#include "test/planted/plain.h"

struct message {
    char tag[4];
    char secret[8];
};

elsewhere static void tell(const char *text)
{
    printf("%s\n", text);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct message m = {.secret = "SECRET"};
    memcpy(m.tag, "GREP", 4);
    tell(m.tag);
    return 0;
}
