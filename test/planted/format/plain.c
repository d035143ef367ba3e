#include "test/planted/plain.h"

elsewhere static void log_line(const char *format, ...)
{
    __builtin_va_list args;
    __builtin_va_start(args, format);
    vprintf(format, args);
    __builtin_va_end(args);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    char name[] = "%lx %lx %lx %lx";
    log_line(name);
    putchar('\n');
    return 0;
}
