/* The console of an image: a byte stream to whoever runs it. Bound when the
 * image is linked. Never fails from the image's point of view: what the host
 * cannot take is lost. */
#ifndef SIG_CONSOLE_H
#define SIG_CONSOLE_H

#include "base/view.h"

void console_write(struct view text);

#endif
