#include <pthread.h>
#include <unistd.h>

#include "test/planted/plain.h"

/* A ring that a device writes whenever it likes. */
static volatile unsigned char window[64] = {[14] = 8};

static void *device(void *arg)
{
    usleep(10000);
    window[14] = 200;
    return arg;
}

elsewhere static void check(void)
{
    usleep(20000);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pthread_t other;
    pthread_create(&other, NULL, device, NULL);
    if (window[14] > 50)
        return 1;
    check();
    printf("%u bytes, which is more than 50\n", window[14]);
    return pthread_join(other, NULL);
}
