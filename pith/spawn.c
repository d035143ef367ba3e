#include "pith/spawn.h"

#include <errno.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

pid_t spawn(const char *const argv[], int in, int out, int err)
{
    const int wanted[3] = {in, out, err};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    int failed = 0;
    for (int i = 0; i < 3 && failed == 0; i++)
        if (wanted[i] >= 0)
            failed = posix_spawn_file_actions_adddup2(&actions, wanted[i], i);
    if (failed == 0)
        failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    errno = failed;
    return failed == 0 ? pid : -1;
}

int spawn_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int memory_file(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC);
}

struct view memory_file_map(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size == 0)
        return VIEW_NONE;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? VIEW_NONE : (struct view){p, (size_t)st.st_size};
}

void memory_file_unmap(struct view v)
{
    if (v.n > 0)
        munmap((void *)(uintptr_t)v.p, v.n);
}
