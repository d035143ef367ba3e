#include <pthread.h>

#include "test/planted/plain.h"

/* The neighbour of a thread's stack, beyond its guard page. */
static void *work(void *arg)
{
    volatile char room[48 * 1024];
    room[0] = 'x';
    *(char *)arg = room[0];
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char c = 0;
    pthread_t worker;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16 * 1024);
    pthread_create(&worker, &small, work, &c);
    pthread_join(worker, NULL);
    printf("went on with %c\n", c);
    return 0;
}
