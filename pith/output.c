#include "pith/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pith/command.h"

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
static const char *volatile unfinished;

static void remove_unfinished(int signal_number)
{
    if (unfinished)
        unlink(unfinished);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void handle_signals(void (*handler)(int))
{
    for (size_t i = 0; i < COUNT(ending_signals); i++)
        if (signal(ending_signals[i], handler) == SIG_IGN)
            signal(ending_signals[i], SIG_IGN); /* nohup stays nohup */
}

int output_open(struct output *o, const char *path, mode_t mode)
{
    struct stat st;
    *o = (struct output){.fd = -1, .path = path};
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail("%s: is a directory; name a file in it", path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* to be replaced: /dev/null would be gone */
        return fail("%s: is there and not a regular file; name another one", path);
    int n = snprintf(o->temporary, sizeof o->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof o->temporary)
        return fail("%.60s…: the path is too long", path);
    o->fd = open(o->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (o->fd < 0)
        return fail("%s: cannot be written: %s", path, strerror(errno));
    unfinished = o->temporary;
    handle_signals(remove_unfinished);
    return EXIT_OK;
}

int output_commit(struct output *o)
{
    int code = EXIT_OK;
    if (close(o->fd) < 0 || rename(o->temporary, o->path) < 0)
        code = fail("%s: cannot be written: %s", o->path, strerror(errno));
    o->fd = -1;
    if (code != EXIT_OK)
        unlink(o->temporary);
    unfinished = NULL;
    handle_signals(SIG_DFL);
    return code;
}

void output_abandon(struct output *o)
{
    if (o->fd < 0)
        return;
    close(o->fd);
    o->fd = -1;
    unlink(o->temporary);
    unfinished = NULL;
    handle_signals(SIG_DFL);
}
