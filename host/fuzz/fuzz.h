/* The fuzz host: a whole image runs in this process on virtual time, from boot to end,
 * and a script (bytes that a fuzzer makes up) decides everything that comes to it:
 * frames, ends of connections, clocks, a device that is full or lies, the stop. What
 * the image sends is checked. Whatever is wrong ends the process with a report; a
 * session that returns was clean. One image a process, one session at a time. */
#ifndef HOST_FUZZ_FUZZ_H
#define HOST_FUZZ_FUZZ_H

#include "base/view.h"
#include "host/host.h"
#include "wire/manifest.h"

enum { FUZZ_CONFIG_BYTES = 8, FUZZ_STEP_HEADER = 2 };

/* Memory of the image that its code may change: back to `initial` before each session. */
struct fuzz_area {
    u8 *p;
    size_t n;
    const u8 *initial; /* NULL: zeroes */
};

struct fuzz_image {
    struct manifest_whole manifest;
    void (*entry)(const struct host_boot *b); /* never returns */
    struct fuzz_area data[2];
    struct view code;                         /* all of it: constants may be sent from here */
};

/* The image that is linked into this program: host/guest, its rooms, its main.c. */
void fuzz_linked(struct fuzz_image *out);

/* The image in a file, mapped and relocated as a host does it: what is released,
 * byte for byte. Ends the process when it cannot be used. */
void fuzz_load(struct fuzz_image *out, const char *path);

/* The bundle of the image in a file; empty when it has none. */
struct view fuzz_bundle(const char *path);

/* Before the first session. `bundle` is kept; it may be empty. */
void fuzz_open(const struct fuzz_image *image, struct view bundle);

/* From boot to exit. The script: FUZZ_CONFIG_BYTES that choose the keys and the
 * device, then steps, each of a kind, a length, and so many bytes (script.c). */
void fuzz_session(struct view script);

/* What the sessions so far came to, for the record of a campaign. */
struct fuzz_stats {
    u64 sessions, frames_in, frames_out, connections, streamed_bytes, probes;
    u64 virtual_s;
};

struct fuzz_stats fuzz_stats(void);

#endif
