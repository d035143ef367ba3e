/* The least appliance: one line on the console, and the end. */
#include "fiber/appliance.h"

APPLIANCE(.name = "hello", .about = "says hello and ends", .mem_kib = 256, .mem_min_kib = 112,
          .stack_kib = 16, .fibers = 4);

enum err appliance_main(struct scope *root)
{
    (void)root;
    say("hello, world");
    return OK;
}
