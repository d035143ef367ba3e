/* The report of a crash, for every host: what rule was broken, where, in which fiber,
 * and how it got there. A host fills in what it knows of the stop and of the image,
 * and how the image's memory is read; the text goes into a writer of the caller's.
 * Nothing of the image is trusted, nothing is allocated, opened or locked and no C
 * library is called, so a signal handler, a monitor of virtual machines and a
 * freestanding host can all ask for it. Addresses are the image's own. */
#ifndef HOST_REPORT_REPORT_H
#define HOST_REPORT_REPORT_H

#include "base/codec.h"
#include "wire/dwarf.h"

enum { REPORT_WINDOWS_MAX = 4, REPORT_TEXT_MAX = 8192 /* bytes of the longest report */ };

enum stop_kind {
    STOP_UNKNOWN,     /* only where and, maybe, `address`: the rest is found out from what lies there */
    STOP_ACCESS,      /* of memory at `address` (page fault) */
    STOP_PROTECTION,  /* an address that no memory can have, or a privileged instruction */
    STOP_INSTRUCTION, /* not to be executed: of most, a trap of the profile */
    STOP_DIVISION,
    STOP_SYSTEM_CALL, /* of its own, at rip or right before it */
    STOP_FILE,        /* a file that is mapped was cut short */
    STOP_SENT,        /* asked for from outside */
};

enum stop_access { ACCESS_UNKNOWN, ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

/* Where and why the processor stopped. */
struct stop {
    enum stop_kind kind;
    enum stop_access access; /* of STOP_ACCESS */
    u64 address;             /* of STOP_ACCESS; STOP_UNKNOWN: the last page fault's, or 0 */
    u64 rip, rsp, rbp;
};

struct report_area {
    u64 at, n;
};

struct report {
    const char *name;         /* the appliance's */
    const char *path;         /* of the image's file, as the user named it */
    const char *host;         /* what it ran on: "process", "kvm" … */
    const struct elf *elf;    /* decoded; the file's bytes stay readable */
    struct view debug;        /* all of NAME.debug; empty: not there, and no lines are told */
    u64 base;                 /* the image's first byte */
    struct report_area stack; /* the boot stack; its guard page lies below */
    struct report_area boot_record, bundle, memory;
    struct report_area windows[REPORT_WINDOWS_MAX];

    /* Reads 8 bytes of what the image can read, at a multiple of 8. False: it cannot. */
    bool (*peek)(const struct report *r, u64 address, u64 *word);
};

/* Writes the report, as far as there is room. */
void report_write(struct writer *w, const struct report *r, const struct stop *stop);

/* What names the places of an image: from the image, or NAME.debug, or both. */
struct report_names {
    struct elf_symbols symbols; /* n == 0: stripped */
    struct dwarf lines;         /* info empty: no debug information */
    const struct elf *elf;      /* for the code of the image; NULL: not there */
};

/* Finds them. `debug` is left out where it is of another build than the image. */
struct report_names report_names_of(const struct elf *image, const struct elf *debug);

/* "function+0x1c (image+0x2340)"; `at` is counted from the image's first byte. */
void report_put_function(struct writer *w, const struct report_names *n, u64 at);

/* The lines of one frame: what was inlined there, from the inside out, and then, after
 * `label`, the function that was called. */
void report_put_frame(struct writer *w, const struct report_names *n, const char *label, u64 at);

#endif
