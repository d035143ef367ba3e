#include "test/planted/plain.h"

struct job {
    unsigned long number, more[7];
};

static const struct job *current;

elsewhere static void begin(void)
{
    struct job job = {.number = 42};
    current = &job;
    __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
    (void)argc;
    begin();
    litter(chosen(argv));
    printf("job number %lu\n", current->number);
    return 0;
}
