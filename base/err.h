/* Circumstances, as opposed to bugs: what a caller must look at and can act on.
 * Outputs of a function that did not return OK are unspecified. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/types.h"

enum must_use_type err {
    OK = 0,
    ERR_EOF,         /* the other side is done sending */
    ERR_TIMEOUT,     /* the deadline passed */
    ERR_CANCELED,    /* the fiber's scope is being left */
    ERR_NO_MEMORY,   /* an arena or pool declared in the manifest is used up */
    ERR_LIMIT,       /* a declared limit is reached; the work was shed */
    ERR_MALFORMED,   /* bytes from outside break their format */
    ERR_UNSUPPORTED, /* well-formed, but not served here */
    ERR_RANGE,       /* a number is out of its range */
    ERR_NOT_FOUND,
    ERR_EXISTS,      /* address or name in use */
    ERR_REFUSED,     /* connection refused (RST to SYN) or port unreachable */
    ERR_RESET,       /* connection reset by peer */
    ERR_UNREACHABLE, /* no route, no ARP answer, ICMP unreachable */
    ERR_CLOSED,      /* closed on this side */
    ERR_TOO_BIG,     /* does not fit the path, the buffer or the limit */
    ERR_IO,          /* the host reports a failed device */
    ERR_INVALID,     /* an argument or a key that makes no sense */
    ERR_COUNT
};

/* A short text without a final dot, such as "connection refused". Never NULL. */
const char *err_text(enum err e);

/* Returns early with a callee's error. */
#define TRY(call)                    \
    do {                             \
        enum err try_ = (call);      \
        if (unlikely(try_ != OK))    \
            return try_;             \
    } while (0)

#endif
