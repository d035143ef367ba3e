/* Durations and sizes as people write them in keys: a decimal number and a unit.
 * All of the view, no sign, no blanks. ERR_MALFORMED, ERR_RANGE. */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include "base/view.h"

enum err view_to_duration_ms(struct view v, u64 *out); /* 500ms, 10s, 5m, 1h; the unit is a must */
enum err view_to_size(struct view v, u64 *out);        /* 512, 16k, 4m, 1g: bytes, in powers of 1024 */

#endif
