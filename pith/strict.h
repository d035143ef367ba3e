/* `pith build --strict`: the rules that Pith's own rooms keep (pith/rules.h), asked of a
 * user's sources before they are compiled. */
#ifndef PITH_STRICT_H
#define PITH_STRICT_H

#include "pith/toolkit.h"

/* Looks at every .c and .h file of the directory. EXIT_OK, or an exit code after printing
 * each breach as FILE:LINE: what is wrong: what to write instead. */
int strict_check(const struct toolkit *t, const char *dir);

#endif
