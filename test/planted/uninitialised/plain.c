#include "test/planted/plain.h"

struct answer {
    unsigned char kind;
    uint32_t number;
    unsigned char text[16];
};

elsewhere static void send_bytes(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", ((const unsigned char *)p)[i]);
    putchar('\n');
}

elsewhere static void log_in(void)
{
    volatile char password[128];
    for (size_t i = 0; i < sizeof password; i++)
        password[i] = 'S';
}

elsewhere static void reply(void)
{
    struct answer a;
    a.kind = 1;
    __asm__ volatile("" : "+m"(a.kind));
    send_bytes(&a, sizeof a);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    log_in();
    reply();
    return 0;
}
