#include "test/planted/plain.h"

union message {
    size_t number;
    void (*done)(void);
};

int main(int argc, char **argv)
{
    (void)argc;
    union message m = {.number = chosen(argv)};
    __asm__ volatile("" : "+m"(m));
    m.done();
    return 0;
}
