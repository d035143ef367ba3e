/* How long commands take from start to exit: vfork, exec, wait. Runs two commands in
 * turn, so that both see the same machine, and prints their medians and the ratio.
 *   start ROUNDS COMMAND… -- COMMAND… */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(char **argv, int out)
{
    int status;
    double start = now_us();
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    double took = now_us() - start;
    if (status != 0) {
        fprintf(stderr, "start: %s ended with status %d\n", argv[0], status);
        exit(1);
    }
    return took;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 0, split = 2, out = open("/dev/null", O_WRONLY);
    while (split < argc && strcmp(argv[split], "--") != 0)
        split++;
    if (rounds < 1 || split < 3 || split + 1 >= argc || out < 0) {
        fprintf(stderr, "usage: start ROUNDS COMMAND... -- COMMAND...\n");
        return 2;
    }
    argv[split] = NULL;
    double *a = malloc((size_t)rounds * sizeof *a), *b = malloc((size_t)rounds * sizeof *b);
    double *ratio = malloc((size_t)rounds * sizeof *ratio);
    if (!a || !b || !ratio)
        return 1;
    for (int i = 0; i < rounds; i++) {
        a[i] = run(argv + 2, out);
        b[i] = run(argv + split + 1, out);
        ratio[i] = a[i] / b[i];
    }
    qsort(a, (size_t)rounds, sizeof *a, by_size);
    qsort(b, (size_t)rounds, sizeof *b, by_size);
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_size);
    printf("%s: %.0f us, %s: %.0f us, ratio of medians %.2f, median of pairs %.2f\n", argv[2], a[rounds / 2],
           argv[split + 1], b[rounds / 2], a[rounds / 2] / b[rounds / 2], ratio[rounds / 2]);
    return 0;
}
