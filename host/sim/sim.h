/* The simulator: the host of our tests. sim_run runs one world: virtual time that
 * jumps from event to event, one seeded source of chance, links that lose, delay,
 * reorder, duplicate and corrupt, and any number of network stacks as fibers of
 * one process. The same seed gives the same run, frame by frame. A crash, a
 * deadlock or a failed CHECK prints the seed; SIM_SEED=n in the environment
 * replays it. What the functions here hand out lives until sim_run returns.
 *
 *   static void scenario(void *arg)
 *   {
 *       struct sim_link *l = sim_link_new(&(struct sim_path){.latency_ns = NS_PER_MS, .loss_ppm = 50000});
 *       struct net_dev *a = sim_dev(l, SIM_FEATURES), *b = sim_dev(l, 0);
 *       …stack_new(&s, sim_arena(), a, &config)…
 *   }
 *   TEST(one_in_twenty_lost) { sim_run(1, scenario, NULL); } */
#ifndef HOST_SIM_SIM_H
#define HOST_SIM_SIM_H

#include "base/arena.h"
#include "base/random.h"
#include "base/time.h"
#include "sig/block.h"
#include "sig/net.h"
#include "sig/stream.h"

/* ---- the world ----------------------------------------------------------------- */

/* Runs fn(arg) as the first fiber of a fresh world until no fiber is left. A number
 * in the environment variable SIM_SEED takes the place of `seed`. */
void sim_run(u64 seed, void (*fn)(void *arg), void *arg);

/* The same with a world of another size. Zero: what sim_run gives. */
struct sim_size {
    u32 fibers;          /* 1024 */
    size_t stack_bytes;  /* 64 KiB */
    size_t memory_bytes; /* 1 GiB of address space, touched as used */
};
void sim_run_sized(u64 seed, struct sim_size size, void (*fn)(void *arg), void *arg);

u64 sim_seed(void);
void sim_print_seed(void);         /* a comment line on stdout; test.h calls it */
struct random *sim_random(void);   /* the world's chance */
struct arena *sim_arena(void);     /* zeroed memory of the world */

/* The wall clock: starts on 2026-01-01; may be made to jump. */
void sim_set_wall(u64 unix_ns);

/* What SIGTERM does to an appliance: loop_wait_stop returns. */
void sim_stop(void);

/* What the world wrote to its console, up to 64 KiB, and whether to show it too. */
struct view sim_console(void);
void sim_console_show(bool on);

/* ---- links ----------------------------------------------------------------------- */

/* How frames fare in one direction. All zero: at once, and every one arrives. */
struct sim_path {
    u64 latency_ns;
    u64 jitter_ns;       /* up to this much more, order kept */
    u64 rate_bps;        /* bits a second; 0: no limit */
    size_t queue_bytes;  /* waiting for the rate; more are dropped. 0: no limit */
    bool backpressure;   /* a full queue refuses (the device is full) instead of dropping */
    bool real;           /* as on a wire: super-frames are cut, each segment has its own fate */
    u32 loss_ppm;        /* chances in a million */
    u32 loss_burst;      /* mean length of a run of losses; 0, 1: each by itself */
    u32 duplicate_ppm;
    u32 reorder_ppm;     /* held back for up to reorder_ns, others overtake */
    u64 reorder_ns;
    u32 corrupt_ppm;     /* one bit of the IP packet, where a checksum can notice */
    u16 mtu;             /* longer IP packets vanish, as behind a silent router; 0: no limit */
};

struct sim_link;

/* A switch: frames go to the device of their destination address, or to all. `path`
 * (NULL: perfect) is the way out of each device plugged in from now on. */
struct sim_link *sim_link_new(const struct sim_path *path);

enum { SIM_FEATURES = NET_CSUM | NET_RX_CSUM | NET_TSO4 | NET_TSO6 | NET_USO };

/* Plugs a new device in: MAC 02:00:00:00:00:01, :02, … over the whole world; MTU
 * 1500 (set dev->mtu to change it). One that breaks the rules of sig/net.h
 * (a checksum or super-frame without the feature, a frame over the MTU) traps. */
struct net_dev *sim_dev(struct sim_link *l, u32 features);

/* The way out of a device; may be changed at any time. */
struct sim_path *sim_path(struct net_dev *dev);

/* Cuts the device off (both ways), or plugs it in again. */
void sim_unplug(struct net_dev *dev, bool unplugged);

struct sim_counts {
    u64 sent, delivered, bytes_sent, bytes_delivered;           /* of this device */
    u64 lost, overflowed, duplicated, reordered, corrupted;     /* of what it sent */
};
struct sim_counts sim_counts(struct net_dev *dev);

/* A frame under way, its checksums complete. */
struct sim_frame {
    struct view bytes;
    struct net_offload offload; /* gso != 0: a super-frame */
    struct net_dev *from;
    u64 now;
};

enum sim_fate { SIM_PASS, SIM_DROP, SIM_TWICE, SIM_LATE /* by the path's reorder_ns */, SIM_CORRUPT };

/* Shows `look` every frame that enters the link, before chance has its turn, and
 * does what it answers. Several may look; the first that is not SIM_PASS holds.
 * It runs outside of fibers or in the sender's: it must not block. */
void sim_watch(struct sim_link *l, enum sim_fate (*look)(void *arg, const struct sim_frame *f), void *arg);

/* Drops the nth (from 1) of the frames from now on for which `is` holds. */
void sim_drop_nth(struct sim_link *l, u32 nth, bool (*is)(const struct sim_frame *f));

/* Writes every frame that enters the link to a capture file. */
void sim_pcap(struct sim_link *l, const char *path);

/* A device by hand, for tests that play the other side: sends a finished frame
 * (false: full); (blocks) waits for the next one, which stays until the next call. */
bool sim_send(struct net_dev *dev, struct view frame);
enum err sim_recv(struct net_dev *dev, struct net_rx *out, u64 deadline);

/* ---- disks ------------------------------------------------------------------------ */

/* All zero: a mebibyte of zeroes in blocks of 512 bytes, and everything is done at once. */
struct sim_disk_options {
    u64 bytes;
    u32 block_bytes;
    u64 latency_ns;      /* of a request; requests overtake each other by their jitter */
    u64 flush_ns;        /* … of a flush instead */
    u64 jitter_ns;       /* up to this much more */
    u64 rate_bps;        /* bytes a second; 0: no limit */
    bool read_only, no_discard;
    bool torn;           /* a crash may leave a part of a block, in units of 8 bytes */
    u32 fail_ppm;        /* chances in a million: a request fails */
    u32 rot_ppm;         /* a read has one wrong bit */
};

/* A disk that keeps what was written in a cache until a flush. A request that breaks the
 * rules of sig/block.h ends the run. */
struct block_dev *sim_disk(struct sim_disk_options options);

/* The power fails: of each block that was written since the last flush, or is being written,
 * one of its versions survives, by chance; what is under way fails, and all that is asked
 * from now on, until it is back. */
void sim_disk_crash(struct block_dev *dev);
void sim_disk_restart(struct block_dev *dev);

/* What is durable; to look at, and to damage while the disk is off. */
struct span sim_disk_bytes(struct block_dev *dev);

struct sim_disk_counts {
    u64 reads, writes, flushes, discards, bytes_written;
};
struct sim_disk_counts sim_disk_counts(struct block_dev *dev);

/* ---- streams without a network ------------------------------------------------- */

struct sim_pipe_options {
    size_t buffer_bytes;  /* each direction; 0: 64 KiB */
    size_t piece_bytes;   /* arrives in pieces of this size, one a turn; 0: all at once */
    size_t scatter_bytes; /* stream_pieces shows it in parts of this size; 0: whole */
    u64 latency_ns;
};

/* Two ends of a stream. Each is given back with stream_close or stream_abort; what
 * is written to an end whose peer is closed is lost and answered with ERR_RESET. */
void sim_pipe(struct stream **a, struct stream **b, struct sim_pipe_options options);

/* A listener, and the dialer that reaches it with pipes, whatever the address. */
void sim_listener(struct listener **listener, struct dialer **dialer, struct sim_pipe_options options);

#endif
