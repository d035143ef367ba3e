#include <pthread.h>
#include <unistd.h>

#include "test/planted/plain.h"

static void *work(void *arg)
{
    volatile unsigned long *count = arg;
    for (int i = 0; i < 50; i++) {
        usleep(1000);
        ++*count;
    }
    return NULL;
}

elsewhere static int begin(size_t n)
{
    unsigned long count = 0;
    pthread_t worker;
    pthread_create(&worker, NULL, work, &count);
    usleep(5000);
    if (n > 0)
        return -1;
    return pthread_join(worker, NULL);
}

elsewhere static unsigned long other(void)
{
    volatile unsigned long limits[32] = {0};
    unsigned long sum = 0;
    usleep(30000);
    for (size_t i = 0; i < 32; i++)
        sum += limits[i];
    return sum;
}

int main(int argc, char **argv)
{
    (void)argc;
    begin(chosen(argv));
    printf("32 zeroes are %lu\n", other());
    return 0;
}
