#include "base/trap.h"

#include "base/types.h"

/* Clang's numbers are the order of SANITIZER_CHECK in its CodeGenFunction.h. */
static const struct {
    unsigned code;
    const char *name;
} names[] = {
    {0, "integer overflow in addition"},
    {1, "builtin reached that must not be"},
    {2, "control flow integrity: call through a pointer of another type"},
    {3, "integer division by zero or overflow"},
    {5, "float that does not fit an integer"},
    {7, "number changed by an implicit conversion"},
    {8, "builtin called with an invalid argument"},
    {10, "value that its bool or enum type cannot have"},
    {11, "function end reached without a return value"},
    {12, "multiplication overflow"},
    {13, "negation overflow"},
    {18, "index out of bounds"},
    {19, "pointer arithmetic overflow"},
    {20, "shift out of bounds"},
    {21, "subtraction overflow"},
    {22, "object access out of its size, misaligned or null"},
    {23, "variable-length array of no size"},
    {TRAP_MUST, "a stated fact was false (must)"},
    {TRAP_BOUNDS, "outside of a view, span or array"},
    {TRAP_STALE, "stale handle"},
    {TRAP_NARROW, "number that does not fit"},
    {TRAP_STACK, "stack overwritten"},
    {TRAP_LIMIT, "limit of the manifest exceeded"},
    {TRAP_TWICE, "object released twice"},
    {TRAP_WRITTEN, "object written to after its release"},
    {TRAP_LIVES, "fiber given what may end before it does"},
};

const char *trap_name(unsigned code)
{
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].code == code)
            return names[i].name;
    return "unknown rule";
}
