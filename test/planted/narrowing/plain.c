#include "test/planted/plain.h"

struct packet {
    uint16_t length;
};

int main(int argc, char **argv)
{
    (void)argc;
    struct packet p = {.length = chosen(argv) + 20};
    printf("a packet of %u bytes\n", p.length);
    return 0;
}
