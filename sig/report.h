/* What an image leaves in the open for a crash report. A host finds the variable
 * `fiber_current` through the note NOTE_FIBER of the manifest; it points to the
 * running fiber's struct fiber_report, or is NULL in the loop's own turn. The image
 * has crashed when this is read: a reader checks the magic, checks every pointer
 * against the image's memory, reads a text up to its first zero or 63 bytes,
 * whichever comes first, and follows at most 16 scopes. */
#ifndef SIG_REPORT_H
#define SIG_REPORT_H

#include "base/types.h"

#define FIBER_REPORT_MAGIC 0x7265626946687450ull /* "PthFiber" */

/* The scopes around a fiber, from the inside out. */
struct scope_report {
    const char *name;
    const struct scope_report *parent; /* NULL: the outermost */
};

struct fiber_report {
    u64 magic;
    const char *name;
    const struct scope_report *scope;
    u64 stack_low, stack_high; /* addresses; below stack_low lies its guard page */
};

#endif
