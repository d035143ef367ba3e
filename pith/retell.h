/* A crash report told again, with names and lines where it has addresses: that of a machine
 * that had no debug information at hand, or out of the lines of a log. What is printed has
 * its control characters made visible. */
#ifndef PITH_RETELL_H
#define PITH_RETELL_H

#include <stdio.h>

#include "host/report/report.h"

/* Prints a line of the report, or what now stands in its place: nothing, or several lines. */
void retell_line(const struct report_names *names, FILE *out, struct view line);

/* Prints a frame `at` bytes into the image, each of its lines after `before`. */
void retell_frame(const struct report_names *names, FILE *out, struct view before, const char *label, u64 at);

/* What a line says after `words`, up to `end` or its own end; empty: it does not. */
struct view retell_after(struct view line, struct view words, u8 end);

/* A number of at most 16 hexadecimal digits, all of the text. */
bool retell_hex(struct view digits, u64 *out);

#endif
