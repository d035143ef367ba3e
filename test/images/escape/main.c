/* Does what no image contains: system calls of its own. For test/sandbox_test.sh,
 * which sees each end in a report, and the disassembler find them. */
#include "fiber/appliance.h"

APPLIANCE(.name = "escape", .about = "makes a system call of its own", .mem_kib = 256, .mem_min_kib = 64,
          .stack_kib = 16, .fibers = 2);
KEY(call, KEY_NUMBER, "39", "its number");
KEY(a, KEY_NUMBER, "0", "first argument");
KEY(b, KEY_NUMBER, "0", "second argument; 1: the address of a path");
KEY(c, KEY_NUMBER, "0", "third argument");

enum err appliance_main(struct scope *root)
{
    static const char path[] = "/etc/hostname";
    (void)root;
    u64 a = key_number("a"), b = key_number("b"), c = key_number("c"), result = key_number("call");
    if (b == 1)
        b = (u64)&path;
    register u64 d __asm__("r10") = 0;
    __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory");
    say("still here");
    return OK;
}
