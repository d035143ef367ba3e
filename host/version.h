/* The version of the command and its hosts, as `pith --version` and crash reports say. */
#ifndef HOST_VERSION_H
#define HOST_VERSION_H

#define PITH_VERSION "0.1"

#endif
