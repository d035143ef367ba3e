/* What the same bugs in plain C begin with. */
#ifndef TEST_PLANTED_PLAIN_H
#define TEST_PLANTED_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a stranger chose. */
static inline size_t chosen(char **argv)
{
    return strtoul(argv[1], NULL, 0);
}

/* A call that the compiler does not look into: as one into another file. */
#define elsewhere __attribute__((noinline, noclone, noipa))

/* Leaves a value all over the stack below its caller's frame, as any call may. */
__attribute__((unused)) elsewhere static size_t litter(size_t value)
{
    volatile size_t words[64];
    for (size_t i = 0; i < 64; i++)
        words[i] = value;
    return words[0];
}

#endif
