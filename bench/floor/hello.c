/* hello: a static program that says a line, the floor of a start. */
#include <stdio.h>

int main(void)
{
    return puts("hello") < 0;
}
