/* The conformance suite: what every host must do. Two sets of scenarios:
 *
 *   signatures.c  through sig/, as the stack above sees a host: for every host, the
 *   disk.c        simulator included
 *   table.c       through host/host.h itself, with arguments good and bad: for hosts
 *                 that boot image files
 *
 * A scenario answers NULL, or what is wrong; a text that begins with "skip" says why it
 * does not apply. On the other side of the first network device plays a peer
 * (peer.py; conform_sim_test.c for the simulator). Frames between them have the type
 * CONFORM_TYPE and, behind the Ethernet header, a struct of big-endian numbers:
 *
 *   u8 verb; u8 zero; u16 count; u32 token; payload */
#ifndef TEST_CONFORM_CONFORM_H
#define TEST_CONFORM_CONFORM_H

#include "sig/block.h"
#include "sig/net.h"

enum {
    CONFORM_TYPE = 0x88b5, /* IEEE 802: for local experiments */
    CONFORM_HEAD = 14 + 8,
    CONFORM_FRAME_MAX = 65535 + 14,
};

/* What the peer is asked for, and answers with. */
enum conform_verb {
    ASK_ECHO = 1,   /* the payload `count` times, numbered */
    ASK_LATER = 2,  /* one ANSWER after `count` milliseconds */
    ASK_SUPER = 3,  /* a TCP super-frame with `count` bytes of payload */
    ASK_DEAF = 4,   /* read nothing for `count` milliseconds */
    ASK_LAST = 5,   /* the length of the longest TCP frame seen, as payload: be32 */
    ANSWER = 9,     /* count: the number of the answer */
};

struct conform {
    struct net_dev *dev;    /* NULL: the image has none */
    struct block_dev *disk; /* the same */
    void (*ask_stop)(void);
    u32 token;
    struct net_rx burst[NET_BURST_MAX];
    size_t burst_n, burst_at;
    u8 frame[CONFORM_FRAME_MAX];
};

struct conform_scenario {
    const char *name;
    const char *(*run)(struct conform *c);
};

SLICE(conform_scenarios, const struct conform_scenario);

extern const struct conform_scenarios conform_signatures, conform_disk, conform_table;

/* Runs them in order and prints a line for each; answers how many were not ok. */
u32 conform_run(struct conform *c, struct conform_scenarios scenarios);

/* The next frame of the given type, or of any with 0, within a second. False: none came. */
bool conform_receive(struct conform *c, u16 type, struct net_rx *out);

/* Sends one frame of the peer's verbs with n bytes of payload, each 0x41 + its place. */
bool conform_ask(struct conform *c, enum conform_verb verb, u16 count, size_t n);

/* The answer to the last conform_ask; false: none came. */
bool conform_answer(struct conform *c, struct net_rx *out);

#endif
