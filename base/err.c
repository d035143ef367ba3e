#include "base/err.h"

static const char *const texts[ERR_COUNT] = {
    [OK] = "no error",
    [ERR_EOF] = "end of stream",
    [ERR_TIMEOUT] = "timed out",
    [ERR_CANCELED] = "canceled",
    [ERR_NO_MEMORY] = "out of declared memory",
    [ERR_LIMIT] = "limit reached",
    [ERR_MALFORMED] = "malformed",
    [ERR_UNSUPPORTED] = "unsupported",
    [ERR_RANGE] = "out of range",
    [ERR_NOT_FOUND] = "not found",
    [ERR_EXISTS] = "already in use",
    [ERR_REFUSED] = "connection refused",
    [ERR_RESET] = "connection reset by peer",
    [ERR_UNREACHABLE] = "unreachable",
    [ERR_CLOSED] = "closed",
    [ERR_TOO_BIG] = "too big",
    [ERR_IO] = "device failed",
    [ERR_INVALID] = "invalid",
};

const char *err_text(enum err e)
{
    return (unsigned)e < ERR_COUNT ? texts[e] : "unknown error";
}
