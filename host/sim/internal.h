/* What the files of host/sim/ share: the world, and its queue of events. */
#ifndef HOST_SIM_INTERNAL_H
#define HOST_SIM_INTERNAL_H

#include "fiber/fiber.h"
#include "host/sim/sim.h"

enum { SIM_DEVICES = 62, SIM_DISKS = 8, SIM_LOOKERS = 16, SIM_CONSOLE_BYTES = 65536 };

/* A frame on its way, or waiting to be received. */
struct sim_packet {
    struct sim_packet *next; /* in a receive queue */
    struct sim_port *to;
    u64 when, order;         /* events of one time happen in the order they were made */
    struct net_offload offload;
    size_t n;
    u8 bytes[];
};

struct sim_port {
    struct net_dev dev;
    struct sim_link *link;
    struct sim_path path;
    u64 free_at;             /* when the rate lets the next frame start */
    u64 last_at;             /* the latest arrival in order so far */
    bool losing;             /* in a run of losses */
    bool unplugged;
    bool refused;            /* said full; to be reported writable */
    struct sim_packet *first, **last; /* arrived */
    struct sim_packet *held; /* handed out by the last rx call */
    struct waiters receivers;
    struct sim_counts counts;
};

struct sim_link {
    struct sim_path path;
    struct sim_port *ports[SIM_DEVICES];
    u32 count;
    struct sim_looker {
        enum sim_fate (*look)(void *arg, const struct sim_frame *f);
        void *arg;
    } lookers[SIM_LOOKERS];
    u32 lookers_n;
    int pcap_fd;             /* -1: none */
};

/* The world. One a process at a time: clock, entropy and idle are bound at link
 * time, so there is exactly one of each. */
struct sim {
    u64 seed, now, wall_offset;
    struct random random;
    struct arena arena;
    struct span memory;
    struct sim_packet **events; /* a binary heap by (when, order) */
    size_t events_n, events_room;
    u64 order;
    struct sim_port *ports[SIM_DEVICES];
    u32 ports_n;
    struct sim_disk *disks[SIM_DISKS]; /* their numbers are the last of the devices' */
    u32 disks_n;
    struct sim_link *links[SIM_DEVICES];
    u32 links_n;
    struct list pipes;
    bool running, stop, console_show;
    u8 console[SIM_CONSOLE_BYTES];
    size_t console_n;
};

extern struct sim sim;

/* fault.c: ends the process with a report: what, seed, time, fibers; and does so when
 * a rule is broken or the run does not end. */
noreturn_ void sim_fail(const char *what);
void sim_faults_begin(void);
void sim_faults_end(void);

/* Zeroed memory from the world's arena; never NULL. */
void *sim_new(size_t n);
#define SIM_NEW(T) ((T *)sim_new(sizeof(T)))

bool sim_chance(u32 ppm);

/* The queue of frames under way. */
void sim_event_add(struct sim_packet *p);
struct sim_packet *sim_event_first(void); /* NULL: none */
struct sim_packet *sim_event_take(void);

/* link.c: frames whose time has come are put into their receivers' queues. */
void sim_arrive(struct sim_packet *p);
void sim_link_end(struct sim_link *l);
void sim_port_end(struct sim_port *p);

/* disk.c: which of the set have something done, and when the next one will. */
u64 sim_disks_ready(u64 readable);
u64 sim_disks_next(void);
void sim_disk_end(struct sim_disk *d);

/* pipe.c */
void sim_pipes_end(void);

/* segment.c: frames as finished bytes. */
void sim_checksum(struct span frame, struct net_offload *o); /* does what NEEDS_CSUM asks */
size_t sim_segments(struct view frame, const struct net_offload *o);
size_t sim_segment(struct view frame, const struct net_offload *o, size_t index, struct span out);

/* pcap.c */
int sim_pcap_open(const char *path);
void sim_pcap_frame(int fd, struct view frame, u64 unix_ns);

#endif
