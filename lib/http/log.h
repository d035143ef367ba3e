/* An access log: one line a request, in Apache's common log format or as JSON,
 * written to the console in batches: when 4 KiB have come together, or after a
 * quarter of a second. Hand http_access_log to struct http_config. */
#ifndef LIB_HTTP_LOG_H
#define LIB_HTTP_LOG_H

#include "fiber/timer.h"
#include "lib/http/http.h"

struct http_access_log {
    struct writer lines;
    struct timer flush;
    bool json;
};

/* `format` is "common" or "json". ERR_INVALID, ERR_NO_MEMORY. */
enum err http_access_log_init(struct http_access_log *l, struct arena *a, struct view format);

/* For config.log; `log` is the struct http_access_log. */
void http_access_log(void *log, const struct http_log_entry *e);

/* What is collected goes out now: before an image ends. */
void http_access_log_flush(struct http_access_log *l);

#endif
