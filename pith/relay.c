#include "pith/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/if_tun.h>

#include "base/num.h"

/* A stream carries whole frames only: no super-frames, no unfinished checksums. */
static void refuse_offloads(const struct process_net *n)
{
    struct stat st;
    if (fstat(n->fd, &st) == 0 && S_ISCHR(st.st_mode))
        ioctl(n->fd, TUNSETOFFLOAD, 0);
}

static bool give_window(struct process_net *n)
{
    n->about.rx_window = aligned_alloc(64, RELAY_WINDOW);
    n->about.rx_window_n = RELAY_WINDOW;
    return n->about.rx_window != NULL;
}

bool relay_init(struct relay *r, struct process_net *device, int socket)
{
    char spec[16], error[128];
    snprintf(spec, sizeof spec, "fd:%d", socket);
    struct process_net *machine = process_net_open(spec, NULL, 0, NULL, error, sizeof error);
    if (!machine || !give_window(machine) || !give_window(device))
        return false;
    machine->may_end = true;
    refuse_offloads(device);
    *r = (struct relay){.out = {.from = machine, .to = device}, .in = {.from = device, .to = machine}};
    return true;
}

static short events(const struct relay_way *reads, const struct relay_way *writes)
{
    return (short)((reads->n == 0 ? POLLIN : 0) | (writes->n > 0 ? POLLOUT : 0));
}

void relay_poll(struct relay *r, struct pollfd fds[2])
{
    fds[0] = (struct pollfd){.fd = r->out.from->fd, .events = events(&r->out, &r->in)};
    fds[1] = (struct pollfd){.fd = r->in.from->fd, .events = events(&r->in, &r->out)};
}

/* True when there may be more at once. */
static bool carry(struct relay_way *w)
{
    if (w->n == 0) {
        i64 got = w->from->ops->rx(w->from, w->frames, RELAY_BURST);
        w->next = 0;
        w->n = (u32)MAX(got, (i64)0);
    }
    struct host_iov parts[RELAY_BURST];
    struct host_tx frames[RELAY_BURST];
    for (u32 i = 0; i < w->n; i++) {
        const struct host_rx *f = &w->frames[w->next + i];
        parts[i] = (struct host_iov){(const u8 *)w->from->about.rx_window + f->offset, f->n};
        frames[i] = (struct host_tx){.parts = &parts[i], .count = 1};
    }
    i64 took = w->n > 0 ? w->to->ops->tx(w->to, frames, w->n) : 0;
    if (took < 0)
        took = w->n; /* a frame that makes no sense is lost, with those beside it */
    bool more = took > 0 && (u32)took == w->n;
    w->next += (u32)took;
    w->n -= (u32)took;
    return more;
}

/* One side cannot keep the other from its turn for long. */
bool relay_run(struct relay *r)
{
    enum { TURNS = 16 };
    for (int i = 0; i < TURNS; i++) {
        bool out = carry(&r->out), in = carry(&r->in);
        if (!out && !in)
            break;
    }
    return r->out.from->fd >= 0 && r->in.from->fd >= 0;
}
