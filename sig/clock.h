/* The clock of an image: exactly one, bound when the image is linked. Neither
 * call blocks, fails or, where the platform allows, leaves the image. */
#ifndef SIG_CLOCK_H
#define SIG_CLOCK_H

#include "base/time.h"

u64 clock_mono_ns(void); /* never goes back; its zero means nothing */
u64 clock_wall_ns(void); /* since 1970-01-01 UTC; may jump */

#endif
