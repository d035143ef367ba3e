/* The suite's second half, inside: what table.c and the image's main.c share. */
#ifndef TEST_CONFORM_TABLE_H
#define TEST_CONFORM_TABLE_H

#include "host/host.h"
#include "test/conform/conform.h"

extern const struct host_boot *conform_boot;

/* A pointer of which the compiler knows nothing. */
void *conform_pointer(u64 address);

#endif
