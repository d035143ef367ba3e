/* What was given back holds one word over and over. As a pointer the word leads where
 * no program has memory, as a length it is longer than any, as a handle it is stale:
 * whoever uses memory after its release traps, and a report can name the reason. What
 * does not trap reads this word, never what was there. */
#ifndef BASE_RELEASED_H
#define BASE_RELEASED_H

#include "base/view.h"

/* In the half of the address space that belongs to kernels. */
#define RELEASED_WORD 0xfffffde1e7ed0000ull

/* From here to there RELEASED_WORD as a pointer leads, with the offset of a field. */
enum { RELEASED_REACH = 64 * 1024 };

/* Fills s, from its first address divisible by 8 on. */
void mark_released(struct span s);

/* Whether v still is as mark_released left it. */
bool still_released(struct view v);

#endif
