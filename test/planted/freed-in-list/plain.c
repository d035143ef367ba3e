#include "test/planted/plain.h"

struct waiter {
    unsigned long ticket[4];
    struct waiter *next;
};

elsewhere static void drop(struct waiter *w)
{
    free(w);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct waiter *queue = NULL;
    for (size_t i = 0; i < 3; i++) {
        struct waiter *w = calloc(1, sizeof *w);
        w->ticket[3] = i;
        w->next = queue;
        queue = w;
    }
    drop(queue);
    for (const struct waiter *w = queue; w; w = w->next)
        printf("ticket %lu\n", w->ticket[3]);
    return 0;
}
