/* What the files of host/fuzz/ share: the one world, its peer and its device. */
#ifndef HOST_FUZZ_INTERNAL_H
#define HOST_FUZZ_INTERNAL_H

#include <ucontext.h>

#include "base/codec.h"
#include "base/random.h"
#include "base/time.h"
#include "host/fuzz/fuzz.h"
#include "wire/dhcp.h"

enum {
    FUZZ_PAGE = 4096,
    FUZZ_PAGES_MAX = 8192,      /* of an image's memory */
    FUZZ_FRAME_MAX = 65549,
    FUZZ_FRAMES_MAX = 64,       /* waiting for net_rx; more are lost */
    FUZZ_QUEUE_BYTES = 4 << 20,
    FUZZ_FIRST_PORT = 1024,
    FUZZ_FLOWS = 8,             /* the upper half is for what the image dials */
    FUZZ_STREAM_BYTES = 8192,   /* of each flow's answer that is remembered */
    FUZZ_IP = 0x0a000001,       /* the image's, where it has none by DHCP */
    FUZZ_PEER = 0x0a000002,     /* whom it talks to */
    FUZZ_GATEWAY = 0x0a000003,
};

#define FUZZ_FAR 0xcb007109u /* a peer behind the gateway: 203.0.113.9 */

#define FUZZ_MAC 0x020000000001ull /* the image's; 02:00:00:00:01:xx is the host 10.0.0.xx */

/* A TCP connection as the peer sees it. */
struct fuzz_flow {
    u32 ip;                     /* the peer's address */
    u16 port, image_port;
    u32 seq, ack;               /* to send and to expect next */
    u32 irs, opening_seq;       /* the image's first sequence number; the first to send after SYN */
    u32 time_echo;
    u16 window;                 /* as it stands in segments */
    bool used, opening, open, dialed, has_time;
    bool silent;                /* acknowledges nothing by itself */
    bool owes_ack;
    u32 stream_n;               /* bytes of fuzz.streams[] that came, from the first on */
};

struct fuzz_frame {
    u32 at, n; /* in the queue's bytes */
    struct host_offload offload;
};

/* What the next packets suffer on their way; set by steps, used up by one frame. */
struct fuzz_spoil {
    u16 fragment_bytes;         /* 0: whole */
    u8 fragment_how;
    u8 edits_n;
    struct {
        u16 at;
        u8 mask;
    } edits[8];
    bool mend;                  /* checksums are put right after the edits */
    bool twice, hold, set_offload, bad_sum;
    struct host_offload offload;
};

enum fuzz_phase { FUZZ_PLAY, FUZZ_CALM, FUZZ_PROBE, FUZZ_STOP };

struct fuzz {
    const struct fuzz_image *image;
    struct view bundle;
    struct fuzz_stats stats;

    /* memory */
    u8 *memory, *window, *stack;
    size_t memory_n, memory_all, window_n; /* of the session, of the longest */
    u8 guarded[FUZZ_PAGES_MAX]; /* pages that are closed, for all sessions */
    ucontext_t host, guest;
    struct host_boot boot;

    /* of the session */
    struct reader script;
    struct view all_steps;
    u32 repeats;                /* how many more times they are played: what leaks adds up */
    enum fuzz_phase phase;
    u64 now, wall_offset, silent_until, phase_until, probe_again, started;
    u64 clock_calls;            /* since it last waited for what was not there yet */
    struct random random;
    u32 exit_code, steps, burst;
    u32 features;
    u16 mtu;
    bool stop_told, stop_due, announced, friendly, probe, by_dhcp;
    u8 full_for;                /* calls of net_tx that the device refuses */
    u8 lie;                     /* what the next net_rx says wrongly; 0: nothing */
    char console_line[128];
    size_t console_n;

    /* device: frames for the image */
    struct fuzz_frame queue[FUZZ_FRAMES_MAX];
    u32 queue_first, queue_n;
    u32 queue_used;
    u8 queue_bytes[FUZZ_QUEUE_BYTES];

    /* peer */
    struct fuzz_flow flows[FUZZ_FLOWS];
    u8 streams[FUZZ_FLOWS][FUZZ_STREAM_BYTES];
    u32 ip;                     /* the image's */
    u16 next_port, port;        /* the image's service */
    bool http, mute_arp, mute_dhcp, mute_dial;
    u32 dhcp_xid, dials;
    u16 ip_id;
    u8 last_sent[48];           /* the start of the image's last IP packet, for ICMP errors */
    size_t last_sent_n;
    struct fuzz_spoil spoil;
    u8 frame[FUZZ_FRAME_MAX + 64], held[FUZZ_FRAME_MAX + 64], sent[FUZZ_FRAME_MAX + 64];
    struct fuzz_frame held_frame;
    bool show;                  /* FUZZ_SHOW: tells what happens */
};

extern struct fuzz fuzz;
extern const struct host_table fuzz_table;

/* fault.c: a finding. Says what, when and in which step, and aborts. */
noreturn_ void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fuzz_faults(void);
void fuzz_tell_frame(const char *way, struct view frame);
void fuzz_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* check.c: the frame that the image sent, gathered in fuzz.sent. */
void fuzz_check(struct view frame, const struct host_offload *o);

/* device.c */
void fuzz_queue(struct view frame, struct host_offload o);
u64 fuzz_wait(u64 readable, u64 writable, u64 deadline);

/* frames.c: packets to the image, with what fuzz.spoil asks for. The payload is
 * written into fuzz_room(n) first. sum_at: where its checksum goes; 0: nowhere. */
struct span fuzz_room(size_t n);
void fuzz_send_ip(u32 from, u32 to, u8 protocol, size_t n, size_t sum_at);
void fuzz_send_eth(u16 type, size_t n);
u64 fuzz_mac_of(u32 ip);

/* peer.c: takes what the image sent, and answers as a peer that behaves would. */
void fuzz_peer_begin(void);
void fuzz_peer_take(struct view frame);
void fuzz_peer_settle(void);
void fuzz_flow_segment(struct fuzz_flow *f, u8 flags, struct view payload);
void fuzz_flow_connect(struct fuzz_flow *f, u32 from, u8 options);
void fuzz_flow_ask_again(struct fuzz_flow *f);
void fuzz_dhcp_answer(const struct dhcp_message *m);

/* script.c: plays the next step; false when there is none. */
bool fuzz_step(void);

#endif
