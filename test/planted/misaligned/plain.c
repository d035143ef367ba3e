#include "test/planted/plain.h"

int main(int argc, char **argv)
{
    (void)argc;
    unsigned char packet[8] = {1, 0, 0, 1, 2};
    __asm__ volatile("" : "+m"(packet));
    printf("%x\n", *(uint32_t *)(packet + chosen(argv)));
    return 0;
}
