/* The files of a bundle as a web site: index files, redirects to directories, gzip
 * where the client takes it, conditions, ranges, and the site's own 404 page. */
#ifndef APPLIANCE_WEB_SITE_H
#define APPLIANCE_WEB_SITE_H

#include "lib/http/http.h"
#include "store/bundle.h"

struct site {
    struct bundle bundle;
    struct view fields; /* whole lines for everything that is found: Cache-Control */
};

/* The handler of "/" "*"; rq->context is the struct site. Quick: nothing blocks. */
enum err site_serve(struct http_request *rq, struct http_response *rs);

#endif
