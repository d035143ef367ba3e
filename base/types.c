#include "base/types.h"

extern inline void *at_(const void *array, size_t size, size_t count, size_t index);
extern inline void *part_(const void *first, size_t size, size_t count, size_t skip, size_t n);
extern inline void *container_(const void *member, size_t offset);
