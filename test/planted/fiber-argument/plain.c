#include <pthread.h>
#include <unistd.h>

#include "test/planted/plain.h"

struct job {
    unsigned long number, more[7];
};

static void *work(void *arg)
{
    usleep(10000);
    printf("job number %lu\n", ((struct job *)arg)->number);
    return NULL;
}

elsewhere static pthread_t begin(void)
{
    pthread_t worker;
    struct job job = {.number = 42};
    pthread_create(&worker, NULL, work, &job);
    return worker;
}

int main(int argc, char **argv)
{
    (void)argc;
    pthread_t worker = begin();
    litter(chosen(argv));
    usleep(20000);
    return pthread_join(worker, NULL);
}
