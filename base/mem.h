/* The only raw memory functions. Everything outside base/, fiber/ and host/ uses
 * views and spans. In an image these are Pith's own (mem.c); in a hosted program
 * they are the C library's. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/types.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);

#endif
